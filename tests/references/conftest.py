"""A scored run of real responses, and the command line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner, Result

from scorer.asked import ScoreOptions
from scorer.cli import cli
from scorer.pipeline import score
from scorer.rubrics import Rubric, load_rubric

Command = Callable[..., Result]


class _Silent:
    def say(self, line: str) -> None: ...
    def start(self, what: str, total: int) -> None: ...
    def advance(self, count: int) -> None: ...
    def finish(self) -> None: ...


@pytest.fixture(scope="session")
def vscbench() -> Rubric:
    return load_rubric("vscbench")


@pytest.fixture(scope="session")
def xstest() -> Rubric:
    return load_rubric("xstest")


@pytest.fixture(scope="session")
def keyword_run(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """XSTest's responses of two targets, scored by the keyword judge: no p_flagged."""
    folder = tmp_path_factory.mktemp("keyword") / "run"
    files = [shared_data / "xstest" / f"completions_{name}.csv" for name in ("gpt4", "llama2new")]
    options = ScoreOptions(tuple(files), folder, rubric="xstest", judges=("keyword-xstest",), use_cache=False)
    score(options, _Silent())
    return folder


@pytest.fixture(scope="session")
def run(keyword_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same run with a second judge that gives probabilities, and with two responses that it could not score."""
    folder = tmp_path_factory.mktemp("graded") / "run"
    shutil.copytree(keyword_run, folder)
    verdicts = pl.read_parquet(folder / "verdicts.parquet")
    rng = np.random.default_rng(5)
    graded = verdicts.with_columns(judge=pl.lit("graded"), p_flagged=pl.Series(rng.beta(0.4, 0.4, len(verdicts))))
    lost = pl.int_range(pl.len()) < 2
    status = pl.when(lost).then(pl.lit("error")).otherwise("status")
    graded = graded.with_columns(status=status, p_flagged=pl.when(lost).then(None).otherwise("p_flagged"))
    pl.concat([verdicts, graded]).write_parquet(folder / "verdicts.parquet")
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    manifest["judges"].append({"name": "graded", "summary": "A test's judge.", "fingerprint": "0"})
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def reference() -> Command:
    """reference("sample", ...) runs `scorer reference sample ...`; errors come through."""

    def _reference(*arguments: object) -> Result:
        return CliRunner().invoke(cli, ["reference", *map(str, arguments)], catch_exceptions=False)

    return _reference
