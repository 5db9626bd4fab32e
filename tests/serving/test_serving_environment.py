"""Where vLLM is looked for, what is said where it is missing, and a server that was never started."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scorer.errors import ServerError
from scorer.serving import environment
from scorer.serving._loopback import reserve_port
from scorer.serving.environment import default_python, find_vllm, server_environment
from scorer.serving.server import LocalServer

FIX = r"run `make vllm` \(GPU\) or `make vllm-cpu`, or name one with --vllm-python"


def test_it_reads_the_version_of_a_real_vllm(vllm_python: Path, tmp_path: Path) -> None:
    found = find_vllm(vllm_python)
    assert found.python == vllm_python.absolute()
    assert found.distribution in ("vllm", "vllm-cpu")
    assert [part.isdigit() for part in found.version.split(".")[:2]] == [True, True]
    with LocalServer(tmp_path, python=vllm_python, say=print) as server:
        assert server.version == found.version
        assert not server.alive()
        assert server.log_tail() == ""


@pytest.mark.parametrize(
    ("python", "message"),
    [
        ("/no/such/python", r"/no/such/python: cannot be run \(No such file or directory\)"),
        ("/bin/false", r"/bin/false: got an interpreter without vLLM"),
        (sys.executable, r"got an interpreter without vLLM; expected one with it"),
    ],
)
def test_what_is_no_vllm_says_what_to_do(python: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ServerError, match=f"{message}.*{FIX}"):
        find_vllm(Path(python))
    said: list[str] = []
    with LocalServer(tmp_path, python=Path(python), say=said.append) as server, pytest.raises(ServerError, match=FIX):
        server.url()
    assert said == []


def test_the_default_is_the_environment_beside_the_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment.scorer, "__file__", str(tmp_path / "scorer" / "__init__.py"))
    with pytest.raises(ServerError, match=FIX):
        default_python()
    python = tmp_path / ".venv-vllm" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    assert default_python() == python, "the link itself, which says whose environment it is"
    python.unlink()
    (tmp_path / "vllm-1.2.dist-info").mkdir()
    (tmp_path / "vllm-1.2.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: vllm\nVersion: 1.2\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert default_python() == Path(sys.executable)


def test_the_server_stays_offline_on_loopback_and_without_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLLM_API_KEY", "secret")
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.delenv("VLLM_CPU_KVCACHE_SPACE", raising=False)
    variables = server_environment(cpu=True)
    assert "VLLM_API_KEY" not in variables
    assert (variables["HF_HUB_OFFLINE"], variables["VLLM_HOST_IP"]) == ("1", "127.0.0.1")
    assert variables["VLLM_CPU_KVCACHE_SPACE"] == "1"
    assert "VLLM_CPU_KVCACHE_SPACE" not in server_environment()
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "7")
    assert server_environment(cpu=True)["VLLM_CPU_KVCACHE_SPACE"] == "7"
    assert os.environ["HF_HUB_OFFLINE"] == "0"


@pytest.mark.parametrize("argument", ["--port", "--host=0.0.0.0", "--model", "--served-model-name", "--uds"])
def test_what_the_scorer_sets_is_not_taken_from_elsewhere(argument: str, tmp_path: Path) -> None:
    with pytest.raises(ServerError, match=rf"got {argument.partition('=')[0]} among vLLM's arguments"):
        LocalServer(tmp_path, args=["--enforce-eager", argument, "x"], say=print)


def test_a_server_that_was_never_started_closes_any_number_of_times(tmp_path: Path) -> None:
    server = LocalServer(tmp_path, say=pytest.fail)
    server.close()
    server.close()
    assert not server.alive()


def test_a_reserved_port_is_given_to_nobody_else() -> None:
    """A named port that is reserved stays free for a server that sets SO_REUSEADDR, and is taken once that listens."""
    with reserve_port() as reserved:
        port = reserved.getsockname()[1]
        with reserve_port(port) as server:
            server.listen()
            with pytest.raises(ServerError, match=rf"port {port}: cannot be used \(Address already in use\)"):
                reserve_port(port)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--judge-model", "/no/such/folder"], "scorer: /no/such/folder: got nothing there; expected the folder of"),
        (["--judge-model", ".", "--vllm-args", "'open"], """scorer: --vllm-args: got "'open" (No closing quotation)"""),
        (["--judge-model", "MODEL", "--vllm-args", "--port=1"], "scorer: got --port among vLLM's arguments"),
        (["--judge-model", "MODEL", "--vllm-python", "/bin/false"], "scorer: /bin/false: got an interpreter without"),
    ],
    ids=str,
)
def test_the_command_ends_with_one_sentence(arguments: list[str], message: str, tiny_judge_model: Path) -> None:
    launcher = Path(__file__).resolve().parents[2] / "cli.py"
    words = [str(tiny_judge_model) if word == "MODEL" else word for word in arguments]
    done = subprocess.run([sys.executable, str(launcher), "serve", *words], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1].startswith(message)


def test_score_says_what_is_wrong_with_the_servers_arguments(tmp_path: Path) -> None:
    launcher = Path(__file__).resolve().parents[2] / "cli.py"
    command = [sys.executable, str(launcher), "score", "x.csv", "--out", str(tmp_path), "--vllm-args", "'open"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("""scorer: --vllm-args: got "'open" (No closing quotation)""")


def test_serve_starts_the_server_that_score_would_start(tiny_judge_model: Path, tmp_path: Path) -> None:
    """Without it the model folder's own sampling settings hold, and the same model judges otherwise."""
    python, log = tmp_path / "python", tmp_path / "log"
    python.write_text('#!/bin/sh\nif [ "$1" = -c ]; then echo vllm 1.0; else echo "$@"; fi\n')
    python.chmod(0o755)
    launcher = Path(__file__).resolve().parents[2] / "cli.py"
    command = [sys.executable, str(launcher), "serve", "--judge-model", str(tiny_judge_model)]
    command += ["--vllm-python", str(python), "--vllm-args", "--enforce-eager", "--log", str(log)]
    assert subprocess.run(command, capture_output=True).returncode == 2
    assert "--generation-config vllm --enforce-eager" in log.read_text()
