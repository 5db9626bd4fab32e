"""`scorer score --judge vllm` with a real vLLM: judged, shared by rubrics, killed and gone on, and nothing left."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest
from command_line import LAUNCHER, ROOT, Silent, run, score_here, write_jsonl
from processes import HANGING, below, left, until
from test_e2e_kill import _assert_whole, _kept
from tiny_model import QUICK_START

from scorer.asked import ScoreOptions
from scorer.endpoint import client
from scorer.pipeline import score
from scorer.served_model import ServerOptions
from scorer.serving.server import LocalServer

SAMPLE = ROOT / "calibration_data" / "sample_responses.jsonl"
KEY = ["item_id", "target", "method"]


def varied(count: int) -> list[dict[str, Any]]:
    """As many responses as asked for, all different, from the bundled sample."""
    rows = [json.loads(line) for line in SAMPLE.read_text("utf-8").splitlines()]
    rows = [row for row in rows if row["response"].strip()]
    return [
        dict(
            rows[i % len(rows)],
            item_id=f"{i}",
            response=f"{rows[i % len(rows)]['response']} Version {i // len(rows)}.",
        )
        for i in range(count)
    ]


def verdicts_by_key(run: Path) -> pl.DataFrame:
    return pl.read_parquet(run / "verdicts.parquet").sort(KEY)


def hits(server: LocalServer) -> float:
    """Tokens that the server took from its prefix cache so far."""
    text = httpx.get(server.url().removesuffix("v1") + "metrics", trust_env=False).text
    return sum(float(x.split()[-1]) for x in text.splitlines() if x.startswith("vllm:prefix_cache_hits_total"))


def test_200_responses_in_any_order_and_a_second_rubric(vllm_server: LocalServer, tmp_path: Path) -> None:
    rows = varied(200)
    table = write_jsonl(tmp_path / "a.jsonl", rows)
    random.Random(0).shuffle(rows)
    shuffled = write_jsonl(tmp_path / "b.jsonl", rows)

    def judge(path: Path, name: str, in_flight: int, **options: Any) -> pl.DataFrame:
        server = ServerOptions(url=vllm_server.url(), in_flight=in_flight)
        out = tmp_path / name
        score_here(path, out, judges=("vllm",), server=server, use_cache=False, **options)
        return verdicts_by_key(out)

    one = judge(table, "one", 64)
    other = judge(shuffled, "other", 3)
    assert one["status"].to_list() == ["ok"] * 200
    total = one.select(pl.sum_horizontal("^p_[0-3]_.*$"))
    assert total.to_series().to_list() == pytest.approx([1] * 200)
    assert one.select(KEY).equals(other.select(KEY))
    assert one["p_flagged"].to_list() == pytest.approx(other["p_flagged"].to_list(), abs=1e-3)
    assert one["p_flagged"].n_unique() > 100  # what it says depends on the response
    before = hits(vllm_server)
    second = judge(table, "second", 64, rubric="xstest")
    assert second["status"].to_list() == ["ok"] * 200
    # the head of the prompt is longer than one block of 128 tokens, and all but the first few requests find it
    assert hits(vllm_server) - before > 150 * 128


class Killing(Silent):
    """Kills the API server with SIGKILL once some verdicts are there."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self.left, self.killed = after, 0
        self.before = below(os.getpid())
        """The server that tests share may run too, and is not to be hit."""

    def advance(self, count: int) -> None:
        self.left -= count
        if self.left <= 0 and not self.killed:
            mine = below(os.getpid()) - self.before
            main = next(p for p in mine if p.name.startswith("python") and _has_engine(p.pid))
            self.killed = main.pid
            os.kill(main.pid, signal.SIGKILL)


def _has_engine(pid: int) -> bool:
    return any(p.parent == pid and p.name.startswith("VLLM::EngineCor") for p in below(pid))


def test_ctrl_c_leaves_nothing_and_a_kill_loses_nothing(
    vllm_python: Path, tiny_judge_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C in mid-run ends everything; the next run goes on, its server is killed, comes back, and all is judged."""
    table = write_jsonl(tmp_path / "many.jsonl", varied(600))
    cache, out = tmp_path / "cache", tmp_path / "run"
    quick = " ".join(QUICK_START)
    command = [*LAUNCHER, "score", str(table), "--out", str(out), "--judge", "vllm", "--cache", str(cache)]
    command += ["--judge-model", str(tiny_judge_model), "--vllm-python", str(vllm_python), "--vllm-args", quick]
    with subprocess.Popen(
        [*command, "--in-flight", "8"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as scorer:
        until(lambda: _kept(cache) > 0 or scorer.poll() is not None)
        family = below(scorer.pid)
        assert any(p.name.startswith("VLLM::EngineCor") for p in family)
        os.killpg(scorer.pid, signal.SIGINT)
        _, err = scorer.communicate(timeout=HANGING)
    assert scorer.returncode == 130, err
    assert "Traceback" not in err
    until(lambda: not left(family))
    kept = _kept(cache)
    assert 0 < kept < 600
    _assert_whole(cache)

    server = ServerOptions(tiny_judge_model, python=vllm_python, args=QUICK_START, in_flight=8)
    options = ScoreOptions((table,), out, judges=("vllm",), server=server, cache=cache)
    monkeypatch.setattr(client, "_PROBES", 1)
    progress = Killing(after=kept + 50)
    scored = score(options, progress)
    assert progress.killed
    assert "The judge's server died and is started again; verdicts so far are kept." in progress.lines
    assert scored.manifest["counts"] == {"vllm": {"ok": 600}}
    assert scored.manifest["judged"] == {"vllm": 600 - kept}
    assert _kept(cache) == 600
    assert not any(p.name.startswith("VLLM") for p in below(os.getpid()) if p.parent == progress.killed)


def test_an_interpreter_without_vllm_is_said_before_anything_starts(tiny_judge_model: Path, tmp_path: Path) -> None:
    table = write_jsonl(tmp_path / "few.jsonl", varied(3))
    named = ["--judge-model", tiny_judge_model, "--vllm-python", sys.executable]
    done = run("score", table, "--out", tmp_path / "run", "--judge", "vllm", *named)
    assert done.code == 2
    assert "make vllm" in done.sentence
    assert not (tmp_path / "run").exists()
