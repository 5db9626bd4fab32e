"""The real command line in a process of its own, and what a run leaves behind, for the end-to-end tests."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from scorer.asked import ScoreOptions
from scorer.finish import ScoredRun
from scorer.pipeline import score

ROOT = Path(__file__).resolve().parents[2]
LAUNCHER = (sys.executable, str(ROOT / "cli.py"))
TIMEOUT = 300
"""Seconds after which a process counts as hanging; no test asserts how fast anything is."""
OUTPUTS = {"manifest.json", "report.html", "responses.parquet", "scores.csv", "scores.json", "verdicts.parquet"}
KEYWORDS = ("--judge", "keyword-vscbench")


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def sentence(self) -> str:
        """The one line on stderr that says what is wrong."""
        assert "Traceback" not in self.err, self.err
        lines = [line for line in self.err.splitlines() if line.startswith("scorer: ")]
        assert len(lines) == 1, self.err
        assert self.err.splitlines()[-1] == lines[0], "something follows the sentence"
        return lines[0]


def run(*arguments: object, launcher: Iterable[str] = LAUNCHER, **options: Any) -> Done:
    """Run `scorer ARGUMENTS` to its end."""
    command = [*launcher, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=TIMEOUT, **options)
    return Done(done.returncode, done.stdout, done.stderr)


def succeed(*arguments: object, **options: Any) -> Done:
    """Run a command that must do its work."""
    done = run(*arguments, **options)
    assert done.code == 0, done.err
    return done


def run_all(commands: Mapping[str, Sequence[object]], at_once: int | None = None) -> dict[str, Done]:
    """Run commands side by side, as many at once as there are cores."""
    with ThreadPoolExecutor(at_once or os.cpu_count()) as pool:
        return dict(zip(commands, pool.map(lambda arguments: run(*arguments), commands.values()), strict=True))


class Running:
    """A command under way, which can be stopped at a chosen moment."""

    def __init__(self, *arguments: object) -> None:
        self.process = subprocess.Popen(
            [*LAUNCHER, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
        )

    def stop_when(self, moment: Callable[[], bool], number: signal.Signals) -> bool:
        """Send a signal as soon as `moment()` holds; False where the command ended before."""
        deadline = time.monotonic() + TIMEOUT
        while self.process.poll() is None:
            if moment():
                self.process.send_signal(number)
                return True
            assert time.monotonic() < deadline, "the moment never came"
            time.sleep(0.002)
        return False

    def done(self) -> Done:
        """Wait for the end."""
        try:
            out, err = self.process.communicate(timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        return Done(self.process.returncode, out, err)


class Silent:
    """A progress that shows nothing and keeps what was said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)

    def start(self, what: str, total: int) -> None: ...

    def advance(self, count: int) -> None: ...

    def finish(self) -> None: ...


def score_here(inputs: Path | tuple[Path, ...], out: Path, **options: Any) -> ScoredRun:
    """Score in this process: torch is imported once for all tests that need the encoder and no process."""
    inputs = inputs if isinstance(inputs, tuple) else (inputs,)
    return score(ScoreOptions(inputs, out, **options), Silent())


def manifest(folder: Path) -> dict[str, Any]:
    """manifest.json of a run."""
    loaded: dict[str, Any] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    return loaded


def verdicts(folder: Path, judge: str | None = None) -> pl.DataFrame:
    """verdicts.parquet of a run, or the rows of one judge."""
    frame = pl.read_parquet(folder / "verdicts.parquet")
    return frame if judge is None else frame.filter(pl.col("judge") == judge)


def estimate(folder: Path, metric: str, judge: str | None = None, **slices: str) -> dict[str, Any]:
    """The one row of scores.json for a metric in a slice; the columns that are not named are free."""
    dimensions = {d: slices.get(d) for d in ("target", "method", "scenario", "channel", "category")}
    rows = json.loads((folder / "scores.json").read_text(encoding="utf-8"))
    found = [
        row
        for row in rows
        if row["metric"] == metric
        and (judge is None or row["judge"] == judge)
        and all(row[name] == value for name, value in dimensions.items())
    ]
    assert len(found) == 1, f"{len(found)} rows of {metric} in {slices}"
    row: dict[str, Any] = found[0]
    return row


def hashes(folder: Path) -> dict[str, str]:
    """Every file under a folder, hidden ones too, with the hash of its bytes."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def write_jsonl(path: Path, rows: Iterable[Mapping[str, object]]) -> Path:
    """Write rows as JSON lines, lone surrogates and all."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def same_verdicts(one: pl.DataFrame, other: pl.DataFrame) -> None:
    """Assert that two runs say the same; probabilities may differ by the rounding of another batch."""
    rounded = [pl.col(pl.Float64).round(3)]
    exact = [name for name, kind in one.schema.items() if kind != pl.Float64]
    assert one.select(exact).equals(other.select(exact))
    for name in one.select(rounded).columns:
        assert one[name].is_null().equals(other[name].is_null())
        assert (one[name] - other[name]).abs().fill_null(0).max() < 1e-3


def needs_namespace(*flags: str) -> None:
    """Skip the test where the kernel does not let a user make namespaces."""
    probe = ["unshare", "-r", *flags, "true"]
    if shutil.which("unshare") is None or subprocess.run(probe, capture_output=True).returncode:
        pytest.skip(f"needs namespaces of one's own: `{' '.join(probe)}` is not permitted here")


def needs_mount() -> None:
    """Skip the test where a user may not mount a small disk of their own."""
    needs_namespace("-m")
    probe = ["unshare", "-rm", "mount", "-t", "tmpfs", "-o", "size=1m", "none", "/mnt"]
    if subprocess.run(probe, capture_output=True).returncode:
        pytest.skip(f"needs a mount of one's own: `{' '.join(probe)}` is not permitted here")


def isolate(patch: pytest.MonkeyPatch, cache: Path) -> None:
    """Let no process of a test see the user's verdict cache or depend on the user's terminal."""
    patch.setenv("XDG_CACHE_HOME", str(cache))
    for name in ("FORCE_COLOR", "COLUMNS", "PYTHONPATH"):
        patch.delenv(name, raising=False)
