"""A real vLLM with a tiny random model: up, asked, killed, started again, ended in every way, and nothing left."""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from processes import HANGING, Process, below, left, listening, until
from tiny_model import QUICK_START

from scorer.errors import ServerError
from scorer.serving import server as server_module
from scorer.serving.server import LocalServer

ROOT = Path(__file__).resolve().parents[2]
LOOPBACK = {"0100007F"}
"""127.0.0.1 as /proc/net/tcp writes it."""
CHOICES = ["0", "1", "2", "3"]


def ask(url: str, text: str) -> dict[str, float]:
    """One judged token: the probability of each allowed digit."""
    request = {
        "model": "judge",
        "messages": [{"role": "user", "content": text}],
        "max_tokens": 1,
        "temperature": 0,
        "logprobs": True,
        "top_logprobs": 20,
        "structured_outputs": {"choice": CHOICES},
    }
    reply = httpx.post(f"{url}/chat/completions", json=request, timeout=HANGING, trust_env=False)
    reply.raise_for_status()
    choice = reply.json()["choices"][0]
    assert choice["message"]["content"] in CHOICES
    return {row["token"]: math.exp(row["logprob"]) for row in choice["logprobs"]["content"][0]["top_logprobs"]}


def own(server: LocalServer) -> set[Process]:
    """The guard and everything below it."""
    assert server._guard is not None
    guard = server._guard.pid
    return {p for p in below(os.getpid()) if p.pid == guard} | below(guard)


def api_server(family: set[Process]) -> Process:
    """vLLM's main process: the guard's child that has children."""
    guard = next(p for p in family if p.pid == p.session)
    return next(p for p in family if p.parent == guard.pid and below(p.pid))


def test_one_token_gives_the_distribution_over_the_allowed_ones(vllm_server: LocalServer) -> None:
    url = vllm_server.url()
    texts = [f"Query number {i}: which class?" for i in range(20)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda text: ask(url, text), texts))
    for answer in answers:
        allowed = {token: p for token, p in answer.items() if token in CHOICES}
        assert set(allowed) == set(CHOICES)
        assert sum(allowed.values()) == pytest.approx(1, abs=1e-3)
        assert all(p < 1e-6 for token, p in answer.items() if token not in CHOICES)


def test_it_is_healthy_and_nobody_else_can_reach_it(vllm_server: LocalServer) -> None:
    url = vllm_server.url()
    assert vllm_server.alive()
    assert url == vllm_server.url()
    assert httpx.get(url.removesuffix("/v1") + "/health", trust_env=False).status_code == 200
    assert listening(own(vllm_server)) == LOOPBACK
    assert "Application startup complete" in vllm_server.log_tail()
    assert len(vllm_server.log_tail(4).splitlines()) == 4


def test_after_a_kill_it_starts_again_at_the_same_address(vllm_server: LocalServer) -> None:
    url = vllm_server.url()
    family = own(vllm_server)
    assert any(p.name.startswith("VLLM::EngineCor") for p in family), "what a killed API server leaves behind"
    os.kill(api_server(family).pid, signal.SIGKILL)
    until(lambda: not vllm_server.alive())
    assert not left(family)
    with pytest.raises(httpx.ConnectError):
        ask(url, "Anybody there?")
    with pytest.raises(ServerError, match=r"vLLM's server died with exit code 137"):
        vllm_server.wait()
    assert vllm_server.restart() == url
    assert vllm_server.alive()
    assert sum(ask(url, "And now?").values()) == pytest.approx(1, abs=1e-3)


def test_a_snatched_port_is_changed_and_a_death_is_told(
    vllm_python: Path, tiny_judge_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first port has a listener by the time vLLM wants it; at the second vLLM dies of its configuration."""
    broken = shutil.copytree(tiny_judge_model, tmp_path / "broken")
    config = json.loads((broken / "config.json").read_text("utf-8"))
    (broken / "config.json").write_text(json.dumps(config | {"model_type": "no-such-type"}), "utf-8")
    ports = []

    def reserve(port: int | None):
        ports.append(reserved := server_module_reserve(port))
        if len(ports) == 1:
            reserved.listen()
        return reserved

    server_module_reserve = server_module.reserve_port
    monkeypatch.setattr(server_module, "reserve_port", reserve)
    said: list[str] = []
    log = tmp_path / "vllm.log"
    server = LocalServer(broken, python=vllm_python, args=QUICK_START, log=log, say=said.append)
    with server, pytest.raises(ServerError) as caught:
        server.url()
    message = str(caught.value)
    assert message.startswith(f"{broken}: vLLM's server died while it started with exit code 1; its first error: ")
    assert "`no-such-type`" in message.splitlines()[0]
    assert message.splitlines()[-15:] == log.read_text("utf-8").splitlines()[-15:]
    assert len(ports) == len(said) == 2
    assert str(log) in said[0]
    assert "address already in use" in log.read_text("utf-8").lower()
    assert not server.alive()


@pytest.mark.parametrize("victim", ["the guard", "the scorer"])
def test_a_kill_while_it_starts_leaves_no_process(
    victim: str, vllm_python: Path, tiny_judge_model: Path, tmp_path: Path
) -> None:
    program = f"""
from pathlib import Path
from scorer.serving.server import LocalServer
with LocalServer(Path({str(tiny_judge_model)!r}), python=Path({str(vllm_python)!r}), args={QUICK_START},
                 log=Path({str(tmp_path / "vllm.log")!r}), say=print) as server:
    server.url()
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))}
    with subprocess.Popen(
        [sys.executable, "-c", program], env=environment, stderr=subprocess.PIPE, text=True
    ) as scorer:
        moment = "VLLM::EngineCor" if victim == "the scorer" else "python"
        until(lambda: any(p.name.startswith(moment) for p in below(scorer.pid) if p.parent != scorer.pid))
        family = below(scorer.pid)
        guard = next(p for p in family if p.pid == p.session)
        assert {p.session for p in family} == {guard.pid}, "one group holds all of vLLM's processes"
        os.kill(guard.pid if victim == "the guard" else scorer.pid, signal.SIGKILL)
        _, err = scorer.communicate(timeout=HANGING)
        assert ("ServerError" in err) == (victim == "the guard"), err
    until(lambda: not left(family))


def test_the_command_serves_until_ctrl_c(vllm_python: Path, tiny_judge_model: Path, tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "cli.py"), "serve", "--judge-model", str(tiny_judge_model)]
    command += ["--vllm-python", str(vllm_python), "--vllm-args", " ".join(QUICK_START), "--log", str(tmp_path / "log")]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as scorer:
        stop = threading.Timer(HANGING, scorer.kill)
        stop.start()
        assert scorer.stdout is not None
        url = scorer.stdout.readline().strip()
        assert sum(ask(url, "Are you there?").values()) == pytest.approx(1, abs=1e-3)
        family = below(scorer.pid)
        assert any(p.name.startswith("VLLM::EngineCor") for p in family)
        os.killpg(scorer.pid, signal.SIGINT)
        _, err = scorer.communicate(timeout=HANGING)
        stop.cancel()
    assert scorer.returncode == 0, err
    assert err.splitlines()[-1] == "ending vLLM"
    assert not left(family)
