"""Nothing is judged twice, and no judge's verdict is ever read as another's."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from command_line import LAUNCHER, ROOT, TIMEOUT, hashes, manifest, same_verdicts, score_here, verdicts, write_jsonl
from safetensors.numpy import load_file, save_file

from scorer.assets import file_sha256
from scorer.judges import JudgeOptions

XstestRun = tuple[Path, subprocess.CompletedProcess[str]]

IMPORTED = """
import atexit, json, runpy, sys
report, launcher, sys.argv = sys.argv[1], sys.argv[2], sys.argv[2:]
atexit.register(lambda: open(report, "w").write(json.dumps(sorted(sys.modules))))
runpy.run_path(launcher, run_name="__main__")
"""


def imported_by(report: Path, *arguments: object) -> tuple[subprocess.CompletedProcess[str], set[str]]:
    """Run a command and say which modules it imported."""
    command = [sys.executable, "-c", IMPORTED, str(report), LAUNCHER[1], *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=TIMEOUT)
    return done, set(json.loads(report.read_text(encoding="utf-8")))


@pytest.fixture
def some(samples: list[dict[str, object]], tmp_path: Path) -> Path:
    return write_jsonl(tmp_path / "some.jsonl", samples[:8])


def test_scoring_again_judges_nothing_and_loads_no_encoder(
    xstest_run: XstestRun, shared_data: Path, cache: Path, tmp_path: Path
) -> None:
    """Into another folder, from the cache alone: the same verdicts, without torch."""
    out = tmp_path / "again"
    inputs = sorted((shared_data / "xstest").glob("completions_*.csv"))
    judges = ("--judge", "embedding", "--judge", "keyword-xstest", "--rubric", "xstest")
    done, modules = imported_by(tmp_path / "modules", "score", *inputs, *judges, "--out", out, "--cache", cache)
    assert done.returncode == 0, done.stderr
    assert manifest(out)["judged"] == {"embedding": 0, "keyword-xstest": 0}
    assert manifest(out)["from_cache"] == {"embedding": 810, "keyword-xstest": 810}
    assert verdicts(out).equals(verdicts(xstest_run[0]))
    assert (out / "scores.csv").read_bytes() == (xstest_run[0] / "scores.csv").read_bytes()
    assert "polars" in modules  # the list is that of the run
    assert sorted(modules & {"torch", "transformers", "sentence_transformers"}) == []


def test_only_new_responses_are_judged(some: Path, samples: list[dict[str, object]], tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    score_here(some, tmp_path / "one", cache=cache)
    more = write_jsonl(tmp_path / "more.jsonl", [*samples[6:12], samples[7] | {"item_id": "the same texts"}])
    run = score_here(more, tmp_path / "two", cache=cache)
    assert run.manifest["judged"] == {"embedding": 4}  # rows 8 to 11; 6 and 7 are known, 7 stands there twice
    assert run.manifest["from_cache"] == {"embedding": 3}
    alone = score_here(more, tmp_path / "three", use_cache=False)
    same_verdicts(verdicts(run.folder), verdicts(alone.folder))


def _another_head(folder: Path) -> Path:
    """The shipped heads with opposite signs, properly signed."""
    shutil.copytree(ROOT / "models" / "refusal-minilm", folder)
    record = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    head = folder / record["heads"]["vscbench"]["file"]
    save_file({name: -tensor for name, tensor in load_file(head).items()}, head)
    record["heads"]["vscbench"]["sha256"] = file_sha256(head)
    (folder / "manifest.json").write_text(json.dumps(record), encoding="utf-8")
    return folder


def test_another_head_rubric_or_precision_never_reads_old_verdicts(some: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    first = JudgeOptions(dtype="float32")
    other_head = JudgeOptions(dtype="float32", model=_another_head(tmp_path / "model"))
    runs = {
        "first": score_here(some, tmp_path / "first", cache=cache, judge_options=first),
        "rubric": score_here(some, tmp_path / "rubric", cache=cache, judge_options=first, rubric="xstest"),
        "head": score_here(some, tmp_path / "head", cache=cache, judge_options=other_head),
        "dtype": score_here(some, tmp_path / "dtype", cache=cache, judge_options=JudgeOptions(dtype="bfloat16")),
    }
    for run in runs.values():
        assert run.manifest["judged"] == {"embedding": 8}
        assert run.manifest["from_cache"] == {"embedding": 0}
    fingerprints = {run.manifest["judges"][0]["fingerprint"] for run in runs.values()}
    assert len(fingerprints) == len(runs)
    labels = {name: verdicts(run.folder)["label"].to_list() for name, run in runs.items()}
    assert labels["head"] != labels["first"]
    again = score_here(some, tmp_path / "again", cache=cache, judge_options=first)
    assert again.manifest["judged"] == {"embedding": 0}
    assert verdicts(again.folder).equals(verdicts(runs["first"].folder))


def test_a_rubric_with_another_word_is_another_judge(some: Path, tmp_path: Path) -> None:
    text = (ROOT / "scorer" / "rubrics" / "vscbench.toml").read_text(encoding="utf-8")
    rubric, cache = tmp_path / "mine.toml", tmp_path / "cache"
    judged = []
    for content in (text, text, text.replace("declines the request", "turns the request down")):
        rubric.write_text(content, encoding="utf-8")
        run = score_here(
            some, tmp_path / "out", cache=cache, rubric=str(rubric), judges=("keyword-vscbench",), force=True
        )
        judged.append(run.manifest["judged"]["keyword-vscbench"])
    assert judged == [8, 0, 8]


def test_the_query_is_part_of_the_key(tmp_path: Path) -> None:
    rows = [{"query": q, "response": r} for q, r in (("a", "b"), ("ab", ""), ("a", "b"), ("b", "a"), ("ab", "a"))]
    table = write_jsonl(tmp_path / "table.jsonl", rows)
    run = score_here(table, tmp_path / "out", cache=tmp_path / "cache", judges=("keyword-xstest",))
    assert run.manifest["judged"] == {"keyword-xstest": 3}  # a|b, b|a, ab|a; the second a|b is known, ab| is missing
    assert run.manifest["from_cache"] == {"keyword-xstest": 1}


def test_the_cache_lies_in_the_users_folder_unless_said(some: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    score_here(some, tmp_path / "one", judges=("keyword-xstest",))
    assert list(hashes(tmp_path / "home")) == ["scorer/verdicts.sqlite"]
    before = hashes(tmp_path / "home")
    score_here(some, tmp_path / "two", judges=("keyword-xstest",), use_cache=False, rubric="xstest")
    score_here(some, tmp_path / "three", judges=("keyword-xstest",), cache=tmp_path / "own", rubric="xstest")
    assert hashes(tmp_path / "home") == before
    assert (tmp_path / "own" / "verdicts.sqlite").exists()
    assert pl.read_parquet(tmp_path / "two" / "verdicts.parquet").equals(verdicts(tmp_path / "three"))
