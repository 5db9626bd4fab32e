"""How long it takes to score again what was scored before."""

from __future__ import annotations

from bench._data import Setup
from bench._runs import cached_run
from bench._tables import Table

_NOTES = (
    "Wall time of `scorer score` as a whole, from start to report, on variations of the bundled sample whose verdicts "
    "are all in the cache; no judge is called.",
)


def make(setup: Setup) -> Table:
    """One row per size."""
    rows = []
    for count in (10_000, 100_000, 1_000_000) if setup.full else (10_000,):
        run = cached_run(count)
        rows.append([f"{count:,}", f"{run.seconds:.1f}", f"{count / run.seconds:,.0f}"])
    return Table("Second run, from the cache", ["responses", "seconds", "responses/s"], rows, _NOTES, timed=True)
