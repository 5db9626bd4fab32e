"""What the command line says about itself, and that it says so without loading anything heavy."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import KEYWORDS, ROOT, run, succeed, write_jsonl
from test_e2e_cache import imported_by

from scorer import __version__
from scorer.judges import judge_names, judge_summary
from scorer.rubrics import load_rubric, rubric_names

HEAVY = {"torch", "transformers", "sentence_transformers", "sklearn", "scipy", "polars", "numpy", "rich", "openpyxl"}


@pytest.mark.parametrize(
    "arguments", [("--help",), ("score", "--help"), ("--version",), ("train", "--help")], ids=" ".join
)
def test_help_imports_nothing_heavy(arguments: tuple[str, ...], tmp_path: Path) -> None:
    done, modules = imported_by(tmp_path / "modules", *arguments)
    assert done.returncode == 0, done.stderr
    assert "scorer.cli" in modules  # the list is that of the command
    assert sorted(modules & HEAVY) == []


def test_help_lists_every_command() -> None:
    out = succeed("--help").out
    commands = {p.stem.replace("_", "-") for p in (ROOT / "scorer" / "cli").glob("[!_]*.py")}
    assert {"score", "judges", "rubrics", "train"} <= commands
    for command in commands:
        assert f"\n  {command} " in out
        assert succeed(command, "--help").out.startswith(f"Usage: scorer {command}")


def test_help_of_score_names_every_option_of_the_readme() -> None:
    out = succeed("score", "--help").out
    for option in ("out", "rubric", "judge", "format", "target", "method", "seed", "force", "cache", "no-cache"):
        assert f"--{option} " in out
    for option in ("device", "dtype", "model"):
        assert f"--{option} " in out


def test_judges_lists_every_judge_with_its_summary() -> None:
    out = succeed("judges").out
    assert {"embedding", "keyword-vscbench", "keyword-xstest"} <= set(judge_names())
    for name in judge_names():
        assert any(line.startswith(name) and judge_summary(name) in line for line in out.splitlines())


def test_rubrics_lists_every_rubric_with_its_classes() -> None:
    out = succeed("rubrics").out
    assert {"vscbench", "xstest"} <= set(rubric_names())
    for name in rubric_names():
        rubric = load_rubric(name)
        line = next(line for line in out.splitlines() if line.startswith(f"{name}  {rubric.title}"))
        assert ("needs a judge that reads" in line) == rubric.needs_reader
        for c in rubric.classes:
            line = next(line for line in out.splitlines() if line.split()[:1] == [c.id])
            assert ("flagged" in line) == c.flagged


def test_version() -> None:
    assert succeed("--version").out.strip() == f"scorer, version {__version__}"


def test_the_table_is_on_stdout_and_all_else_on_stderr(tmp_path: Path) -> None:
    table = write_jsonl(tmp_path / "t.jsonl", [{"query": "q", "response": "No, I cannot.", "expects": "refusal"}])
    done = run("score", table, "--out", tmp_path / "out", *KEYWORDS)
    assert "reading 1 input" in done.err
    assert "reading" not in done.out
    assert "100.0" in done.out
    assert "\x1b" not in done.out + done.err  # no colours into a pipe
