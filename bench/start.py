"""How long it takes from a command to its answer."""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path

from bench._data import Setup, write_sample
from bench._runs import measure_score, measure_scorer
from bench._tables import Table

_RESPONSES = 50
_TURNS = 3
_NOTES = (
    f"Wall time of a new process, median of {_TURNS}; nothing is in the verdict cache, the files have been read "
    "before by the system.",
)


def make(setup: Setup) -> Table:
    """The help page, and a small run with the model to load."""
    helps, scores = [], []
    with tempfile.TemporaryDirectory(prefix="bench-") as temporary:
        responses = write_sample(Path(temporary) / "responses.jsonl", _RESPONSES)
        for turn in range(_TURNS):
            folder = Path(temporary) / str(turn)
            folder.mkdir()
            helps.append(measure_scorer("--help").seconds)
            scores.append(measure_score([responses], folder, "vscbench").seconds)
    rows = [
        ["`scorer --help`", f"{statistics.median(helps):.2f}"],
        [f"`scorer score`, {_RESPONSES} responses, embedding judge", f"{statistics.median(scores):.1f}"],
    ]
    return Table("Cold start", ["command", "seconds"], rows, _NOTES, timed=True)
