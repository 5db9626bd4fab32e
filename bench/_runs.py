"""Real runs of the command line in a process of their own, measured from outside."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bench._data import FailedError, write_sample
from scorer.cache import VerdictCache, verdict_key
from scorer.judges import JudgeOptions, build_judge
from scorer.pipeline import CACHE_FILE
from scorer.readers import read
from scorer.records import Verdict
from scorer.rubrics import load_rubric

_ROOT = Path(__file__).resolve().parents[1]
_PUT = 2000
"""The pipeline's own name for it: under another one, the run has to judge, and is refused."""


@dataclass(frozen=True)
class Measured:
    """Wall seconds and peak memory of one process."""

    seconds: float
    peak_bytes: int

    @property
    def mib(self) -> str:
        """Peak memory for a table."""
        return f"{self.peak_bytes / 2**20:,.0f}"


def measure(command: Sequence[str]) -> Measured:
    """Run a command to its end. Raises FailedError with what it said where it fails."""
    launcher = [sys.executable, "-I", "-S", str(Path(__file__).with_name("_child.py"))]
    done = subprocess.run([*launcher, *command], check=True, capture_output=True, text=True, cwd=_ROOT)
    result = json.loads(done.stdout)
    if result["code"] != 0:
        raise FailedError(f"exit code {result['code']} of `{' '.join(command)}`: {result['error'].strip()}")
    return Measured(result["seconds"], result["peak_bytes"])


def measure_scorer(*arguments: str) -> Measured:
    """Run `scorer` with arguments, as a checkout starts it."""
    return measure([sys.executable, str(_ROOT / "cli.py"), *arguments])


def measure_score(inputs: Sequence[Path], folder: Path, rubric: str, *, cached: bool = False) -> Measured:
    """`scorer score` with the embedding judge into a new run in `folder`, whose cache is `folder/cache`.

    Raises FailedError where the judge had nothing to judge, or, with `cached`, where it judged a single response:
    that would be no measurement of what was meant.
    """
    out = folder / f"run-{sum(1 for _ in folder.glob('run-*'))}"
    measured = measure_scorer(
        *("score", *map(str, inputs), "--out", str(out), "--rubric", rubric, "--cache", str(folder / "cache"))
    )
    counts = json.loads((out / "manifest.json").read_text(encoding="utf-8"))["judged"]
    if cached == any(counts.values()):
        raise FailedError(f"got {counts} judged; expected {'none' if cached else 'some'}")
    return measured


@cache
def cached_run(count: int) -> Measured:
    """`scorer score` on variations of the sample whose verdicts are all in the cache: no judge is called.

    The cache is filled with made-up verdicts under the embedding judge's fingerprint, which takes no encoder.
    """
    rubric = load_rubric("vscbench")
    with tempfile.TemporaryDirectory(prefix="bench-") as temporary:
        folder = Path(temporary)
        responses = write_sample(folder / "responses.jsonl", count)
        fingerprint = build_judge("embedding", rubric, JudgeOptions()).fingerprint
        size = len(rubric.classes)
        rows = []
        for index, response in enumerate(read(responses).responses):
            chosen = index % size
            probabilities = tuple(0.7 if i == chosen else 0.3 / (size - 1) for i in range(size))
            verdict = Verdict("ok", rubric.decide(probabilities), probabilities, evidence=response.text[:80])
            if not response.missing:
                rows.append((verdict_key(fingerprint, response), verdict))
        with VerdictCache(folder / "cache" / CACHE_FILE) as stored:
            for start in range(0, len(rows), _PUT):
                stored.put(rows[start : start + _PUT])
        return measure_score([responses], folder, rubric.name, cached=True)
