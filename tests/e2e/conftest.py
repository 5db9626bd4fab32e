"""Fixtures of the end-to-end tests: runs that are made once and looked at from many sides."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command_line import ROOT, TIMEOUT, Done, isolate, succeed, write_jsonl
from further_runs import read, table_of_plan
from scripted_reader import reading
from scripted_server import Scripted, scripted


@pytest.fixture(scope="session", autouse=True)
def _isolated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The user's own cache is neither read nor written."""
    patch = pytest.MonkeyPatch()
    with patch.context():
        isolate(patch, tmp_path_factory.mktemp("xdg"))
        yield


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A verdict cache that the tests share: what one has judged, no other waits for again."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def samples() -> list[dict[str, Any]]:
    """The responses that come with the project."""
    lines = (ROOT / "calibration_data" / "sample_responses.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


@pytest.fixture(scope="session")
def few(samples: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of ten responses, for tests that need the encoder but not much of it."""
    return write_jsonl(tmp_path_factory.mktemp("few") / "few.jsonl", samples[::12])


@pytest.fixture(scope="session")
def xstest_run(
    shared_data: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """All 810 real XSTest responses scored by two judges, with the very command a user types, glob and all."""
    out = tmp_path_factory.mktemp("runs") / "xstest"
    command = (
        f"'{sys.executable}' cli.py score ../shared/data/xstest/*.csv --rubric xstest "
        f"--judge embedding --judge keyword-xstest --out '{out}' --cache '{cache}'"
    )
    done = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, encoding="utf-8", timeout=2 * TIMEOUT)
    assert done.returncode == 0, done.stderr
    return out, done


@pytest.fixture(scope="session")
def server() -> Iterator[Scripted]:
    """A served model that reads the responses of `further_runs`."""
    with scripted(reading(read)) as server:
        yield server


@pytest.fixture(scope="session")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The responses of `further_runs`."""
    return table_of_plan(tmp_path_factory.mktemp("further") / "table.jsonl")


@pytest.fixture(scope="session")
def further_run(server: Scripted, planned: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Done]:
    """A run with a further rubric, and what it said; its folder must not be changed."""
    out = tmp_path_factory.mktemp("run") / "run"
    done = succeed(
        "score", planned, "--out", out, "--judge", "vllm", "--also", "toxicity", "--judge-url", server.url,
        "--cache", out.parent / "cache",
    )  # fmt: skip
    return out, done
