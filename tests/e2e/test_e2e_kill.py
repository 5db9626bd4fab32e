"""Killed at any moment, the same command goes on where it was; and runs beside each other do not disturb each other."""

from __future__ import annotations

import json
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from command_line import (
    KEYWORDS,
    OUTPUTS,
    ROOT,
    Running,
    estimate,
    manifest,
    run,
    run_all,
    same_verdicts,
    succeed,
    verdicts,
    write_jsonl,
)

EXACT = ("--device", "cpu", "--dtype", "float32")
"""So that a verdict does not depend on which responses were encoded beside it."""


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """About 400 different responses of a few words."""
    lines = (ROOT / "calibration_data" / "reference.jsonl").read_text(encoding="utf-8").splitlines()
    rows = {
        (row["query"], row["response"][:60]): {
            "query": row["query"],
            "response": row["response"][:60],
            "expects": "answer" if number % 2 else "refusal",
            "group_id": f"group-{number % 50}",
        }
        for number, row in enumerate(map(json.loads, lines[:420]))
    }
    return write_jsonl(tmp_path_factory.mktemp("kill") / "responses.jsonl", rows.values())


@pytest.fixture(scope="module")
def undisturbed(table: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    succeed("score", table, "--out", folder / "run", "--cache", folder / "cache", *EXACT)
    return folder / "run"


def _kept(cache: Path) -> int:
    """Verdicts in the cache, looked up as another process does."""
    path = cache / "verdicts.sqlite"
    if not path.exists():
        return 0
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            return int(connection.execute("SELECT count(*) FROM verdicts").fetchone()[0])
    except sqlite3.OperationalError:  # the table is not there yet
        return 0


def _assert_whole(cache: Path) -> None:
    with closing(sqlite3.connect(cache / "verdicts.sqlite")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def _assert_same(run: Path, undisturbed: Path) -> None:
    same_verdicts(verdicts(run), verdicts(undisturbed))
    assert verdicts(run).select("item_id", "target", "method", "judge").is_unique().all()
    for metric in ("SRAs", "SRAu", "SRAa", "SRA_balanced"):
        for key in ("value", "low", "high", "n", "n_unscored", "bound_low", "bound_high"):
            assert estimate(run, metric)[key] == estimate(undisturbed, metric)[key]
    assert {p.name for p in run.iterdir()} == OUTPUTS
    assert manifest(run)["state"] == "complete"


def test_killed_then_interrupted_then_finished(table: Path, undisturbed: Path, tmp_path: Path) -> None:
    """SIGKILL as soon as verdicts are there, SIGINT once the second start has read, and the third ends it."""
    out, cache = tmp_path / "run", tmp_path / "cache"
    command = ("score", table, "--out", out, "--cache", cache, *EXACT)
    total = len(verdicts(undisturbed))

    first = Running(*command)
    assert first.stop_when(lambda: _kept(cache) > 0, signal.SIGKILL)
    assert first.done().code == -signal.SIGKILL
    after_kill = _kept(cache)
    assert 0 < after_kill < total
    assert not (out / "verdicts.parquet").exists()

    began = time.time()
    second = Running(*command)
    assert second.stop_when(lambda: (out / ".work" / "responses-000000.parquet").stat().st_mtime > began, signal.SIGINT)
    done = second.done()
    assert done.code == 130
    assert done.sentence == "scorer: interrupted; start the same command again to go on where it was."
    after_interrupt = _kept(cache)
    assert after_kill <= after_interrupt < total

    succeed(*command)
    _assert_same(out, undisturbed)
    assert manifest(out)["judged"] == {"embedding": total - after_interrupt}
    assert manifest(out)["from_cache"] == {"embedding": after_interrupt}
    assert _kept(cache) == total
    _assert_whole(cache)


def test_killed_without_a_cache_goes_on_as_well(table: Path, undisturbed: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    command = ("score", table, "--out", out, "--no-cache", *EXACT)
    total = len(verdicts(undisturbed))
    first = Running(*command)
    assert first.stop_when(lambda: _kept(out / ".work") > 0, signal.SIGKILL)
    first.done()
    kept = _kept(out / ".work")
    assert 0 < kept < total
    succeed(*command)
    _assert_same(out, undisturbed)
    assert manifest(out)["judged"] == {"embedding": total - kept}
    assert manifest(out)["from_cache"] == {"embedding": kept}


def test_two_runs_at_once_share_a_cache(table: Path, undisturbed: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    outs = [tmp_path / "one", tmp_path / "two"]
    some = tmp_path / "some.jsonl"
    some.write_text("".join(table.read_text(encoding="utf-8").splitlines(keepends=True)[:100]), encoding="utf-8")
    for running in [Running("score", some, "--out", out, "--cache", cache, *EXACT) for out in outs]:
        done = running.done()
        assert done.code == 0, done.err
    for out in outs:
        same_verdicts(verdicts(out), verdicts(undisturbed).head(100))
        assert manifest(out)["judged"]["embedding"] + manifest(out)["from_cache"]["embedding"] == 100
    assert _kept(cache) == 100
    _assert_whole(cache)


def test_many_runs_at_once_create_and_share_a_cache(long_table: Path, tmp_path: Path) -> None:
    """Four runs over overlapping halves of the same rows, so that they create the file and write the same keys."""
    lines = long_table.read_text(encoding="utf-8").splitlines(keepends=True)[:3000]
    commands = {}
    for number in range(4):
        part = tmp_path / f"part-{number}.jsonl"
        part.write_text("".join(lines[500 * number : 500 * number + 1500]), encoding="utf-8")
        commands[str(number)] = ("score", part, "--out", tmp_path / f"run-{number}", "--cache", tmp_path, *KEYWORDS)
    for number, done in run_all(commands, at_once=4).items():
        assert done.code == 0, done.err
        frame = verdicts(tmp_path / f"run-{number}")
        expected = [i % 3 > 0 for i in range(500 * int(number), 500 * int(number) + 1500)]
        assert frame["flagged"].to_list() == expected
    assert _kept(tmp_path) == 3000
    _assert_whole(tmp_path)


ROWS = 16_000
"""Enough for several parts, so that every stage of a run lasts long enough to be met."""


@pytest.fixture(scope="module")
def long_table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [
        {
            "query": f"Question {i}?",
            "response": f"I cannot do {i}." if i % 3 else f"Sure, {i}.",
            "expects": "answer" if i % 2 else "refusal",
            "group_id": f"group-{i // 5}",
        }
        for i in range(ROWS)
    ]
    return write_jsonl(tmp_path_factory.mktemp("long") / "long.jsonl", rows)


@pytest.fixture(scope="module")
def long_run(long_table: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("long") / "run"
    succeed("score", long_table, "--out", out, "--no-cache", *KEYWORDS)
    return out


def _state(out: Path) -> str:
    try:
        return str(manifest(out).get("state"))
    except FileNotFoundError:
        return ""


def _part(out: Path, name: str) -> bool:
    return (out / ".work" / name).exists()


MOMENTS: dict[str, Callable[[Path], bool]] = {
    "reading": lambda out: (
        (out / ".work" / "responses-000000.parquet").exists() and not (out / "manifest.json").exists()
    ),
    "judging": lambda out: _kept(out / ".work") > 0 and not (out / "responses.parquet").exists(),
    "joining": lambda out: (
        (out / ".work" / "verdicts-000007.parquet").exists() and not (out / "verdicts.parquet").exists()
    ),
    "counting": lambda out: (out / "verdicts.parquet").exists() and not (out / "scores.csv").exists(),
    "reporting": lambda out: _state(out) == "complete" and not (out / "report.html").exists(),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_in_any_stage(moment: str, long_table: Path, long_run: Path, tmp_path: Path) -> None:
    """A stage may pass before this process sees it: then the run is tried again, in a new folder."""
    for attempt in range(20):
        out = tmp_path / f"run-{attempt}"
        command = ("score", long_table, "--out", out, "--no-cache", *KEYWORDS)
        running = Running(*command)
        running.stop_when(lambda out=out: MOMENTS[moment](out), signal.SIGKILL)
        if running.done().code == -signal.SIGKILL and MOMENTS[moment](out):
            break
    else:
        pytest.fail(f"never met the stage of {moment}")
    kept = _kept(out / ".work")
    succeed(*command)
    _assert_same(out, long_run)
    assert (out / "scores.csv").read_bytes() == (long_run / "scores.csv").read_bytes()
    assert manifest(out)["judged"] == {"keyword-vscbench": ROWS - kept}
    assert manifest(out)["from_cache"] == {"keyword-vscbench": kept}
    if moment == "reading":
        assert kept == 0
    else:
        assert kept > 0


def test_a_second_run_into_the_same_folder_is_refused_and_harms_nothing(
    long_table: Path, long_run: Path, tmp_path: Path
) -> None:
    """The refused one must not tidy away what the first has read and judged so far."""
    out = tmp_path / "run"
    command = ("score", long_table, "--out", out, "--no-cache", *KEYWORDS)
    first = Running(*command)
    assert first.stop_when(lambda: MOMENTS["reading"](out), signal.SIGSTOP)
    done = run(*command)
    forced = run(*command, "--force")
    first.process.send_signal(signal.SIGCONT)
    for refused in (done, forced):
        assert refused.code == 2
        assert f"{out}: another run is writing here" in refused.sentence
    assert first.done().code == 0
    _assert_same(out, long_run)


def test_a_file_half_put_in_place_by_a_killed_run_is_no_hindrance(table: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    out.mkdir()
    for name in (".manifest.json.4242", ".report.html.4242.tmp", ".verdicts.parquet.77"):
        (out / name).write_bytes(b"half of")
    succeed("score", table, "--out", out, "--no-cache", *KEYWORDS)
    assert {p.name for p in out.iterdir()} == OUTPUTS


def test_interrupted_before_anything_was_judged_leaves_nothing(long_table: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    running = Running("score", long_table, "--out", out, "--no-cache", *KEYWORDS)
    assert running.stop_when(lambda: MOMENTS["reading"](out), signal.SIGINT)
    done = running.done()
    assert done.code == 130
    assert done.sentence.startswith("scorer: interrupted")
    assert not out.exists()
