"""Peak memory of `scorer score`."""

from __future__ import annotations

import tempfile
from pathlib import Path

from bench._data import Setup, SkippedError, completions, write_sample
from bench._runs import Measured, cached_run, measure_score
from bench._tables import Table

_JUDGED = 810
_NOTES = ("Largest resident memory of the process, libraries and model included.",)


def make(setup: Setup) -> Table:
    """Responses that the embedding judge judges, then many that the cache answers."""
    judged, source = _judged(setup)
    rows = [[f"{_JUDGED} responses judged ({source})", judged.mib]]
    for count in (10_000, 100_000, 1_000_000) if setup.full else (10_000,):
        rows.append([f"{count:,} responses from the cache", cached_run(count).mib])
    return Table("Peak memory", ["`scorer score`, embedding judge", "MiB"], rows, _NOTES, timed=True)


def _judged(setup: Setup) -> tuple[Measured, str]:
    with tempfile.TemporaryDirectory(prefix="bench-") as temporary:
        folder = Path(temporary)
        try:
            return measure_score(completions(setup), folder, "xstest"), "XSTest completions"
        except SkippedError:
            made = write_sample(folder / "responses.jsonl", _JUDGED)
            return measure_score([made], folder, "vscbench"), "variations of the bundled sample"
