"""`scorer score --judge cascade` against a server: asked only where the embedding judge is unsure, and only once."""

from __future__ import annotations

import json
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from command_line import ROOT, Running, manifest, run, same_verdicts, succeed, verdicts, write_jsonl
from composites import by_words, certificate, middle_threshold, responses, save_certificate
from scripted_server import Reply, Scripted, scripted

from scorer.records import Response
from scorer.rubrics import load_rubric

VSCBENCH = load_rubric("vscbench")
EXACT = ("--device", "cpu", "--dtype", "float32")


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    """160 different responses, none of them empty."""
    lines = (ROOT / "calibration_data" / "reference.jsonl").read_text(encoding="utf-8").splitlines()
    texts = list(dict.fromkeys(json.loads(line)["response"][:200] for line in lines))[:160]
    return [
        {"query": f"query {i}", "response": text, "expects": "answer" if i % 2 else "refusal"}
        for i, text in enumerate(texts)
    ]


@pytest.fixture(scope="module")
def table(rows: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_jsonl(tmp_path_factory.mktemp("cascade") / "responses.jsonl", rows)


@pytest.fixture(scope="module")
def certified(rows: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[bool]]:
    """A folder with a certificate for half of the responses, and which these are."""
    given: list[Response] = responses([row["response"] for row in rows])
    threshold, alone = middle_threshold(given, VSCBENCH)
    folder = tmp_path_factory.mktemp("certificate")
    return save_certificate(folder, certificate(threshold, VSCBENCH)), alone


@pytest.fixture
def server() -> Iterator[Scripted]:
    """Answers after a moment, so that a run can be met while it waits for some."""

    def slowly(body: dict[str, Any], before: int) -> Reply:
        reply = by_words(body, before)
        return Reply(reply.body, wait=0.3 if "<response-" in str(body["messages"]) else 0)

    with scripted(slowly) as running:
        yield running


def command(
    table: Path, certified: tuple[Path, list[bool]], server: Scripted, folder: Path, run: str = "run"
) -> tuple[object, ...]:
    places = ("--out", folder / run, "--cache", folder / "cache", "--calibration", certified[0])
    return ("score", table, "--judge", "cascade", "--judge-url", server.url, "--in-flight", 4, *places, *EXACT)


def test_the_server_is_asked_what_was_escalated_and_nothing_twice(
    table: Path, certified: tuple[Path, list[bool]], server: Scripted, tmp_path: Path
) -> None:
    alone = certified[1]
    done = succeed(*command(table, certified, server, tmp_path))
    frame = verdicts(tmp_path / "run")
    assert frame["decided_by"].to_list() == ["embedding" if a else "vllm" for a in alone]
    assert len(server.asked()) == len(set(server.asked())) == len(alone) - sum(alone)
    assert manifest(tmp_path / "run")["cascade"]["alone"] == sum(alone)
    escalated = len(alone) - sum(alone)
    said = " ".join(done.out.split())
    assert f"embedding decided {sum(alone)} of {len(alone)} alone; vllm read {escalated} (" in said
    assert "Certified alone: agreement on flagged of at least 97.0 % at 95 % confidence" in said
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "<h2>Cascade</h2>" in page
    assert "Share escalated" in page
    asked = len(server.asked())
    succeed(*command(table, certified, server, tmp_path, "again"))
    assert len(server.asked()) == asked
    assert manifest(tmp_path / "again")["judged"] == {"cascade": 0}
    assert verdicts(tmp_path / "again").equals(frame)


def _kept(cache: Path) -> int:
    """Verdicts of the cascade in the cache."""
    path = cache / "verdicts.sqlite"
    if not path.exists():
        return 0
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            sql = "SELECT count(*) FROM verdicts WHERE decided_by = 'vllm'"
            return int(connection.execute(sql).fetchone()[0])
    except sqlite3.OperationalError:  # the table is not there yet
        return 0


def test_killed_while_the_server_is_asked_nothing_is_lost(
    table: Path, certified: tuple[Path, list[bool]], server: Scripted, tmp_path: Path
) -> None:
    alone = certified[1]
    escalated = len(alone) - sum(alone)
    first = Running(*command(table, certified, server, tmp_path / "killed"))
    assert first.stop_when(lambda: _kept(tmp_path / "killed" / "cache") > 0, signal.SIGKILL)
    assert first.done().code == -signal.SIGKILL
    kept = _kept(tmp_path / "killed" / "cache")
    assert 0 < kept < escalated
    before = len(server.asked())
    succeed(*command(table, certified, server, tmp_path / "killed"))
    after = len(server.asked()) - before
    assert 0 < after <= escalated - kept
    succeed(*command(table, certified, server, tmp_path / "whole"))
    same_verdicts(verdicts(tmp_path / "killed" / "run"), verdicts(tmp_path / "whole" / "run"))
    assert len(verdicts(tmp_path / "killed" / "run")) == len(alone)


def test_without_certificate_or_server_the_sentence_names_the_fix(table: Path, tmp_path: Path) -> None:
    done = run("score", table, "--judge", "cascade", "--out", tmp_path / "run")
    assert done.code == 2
    assert "--cascade --out DIR` on a labelled run and give it with --calibration DIR" in done.sentence
    save_certificate(tmp_path / "c", certificate(0.9, VSCBENCH))
    done = run("score", table, "--judge", "cascade", "--calibration", tmp_path / "c", "--out", tmp_path / "run", *EXACT)
    assert done.code == 2
    assert "--judge-model" in done.sentence
    assert not (tmp_path / "run").exists()
