"""What SRAs and SRAu come out as by each judge, beside what they are by people's labels."""

from __future__ import annotations

import polars as pl

from bench._data import Setup
from bench._flags import JUDGES, PEOPLE, SEED, cuts, flags, whole
from bench._tables import Table
from scorer.metrics import estimate
from scorer.records import DIMENSIONS, Estimate
from scorer.rubrics import load_rubric

_METRICS = ("SRAs", "SRAu")
_NOTES = (
    "Percent, on XSTest completions; in brackets the difference to people's, in percentage points. The embedding "
    "judge is held out as above.",
)


def make(setup: Setup) -> Table:
    """Two rows, SRAs and SRAu, per target, for the targets that GPT-4 judged, and for all."""
    rows = []
    for name, part in cuts(flags(setup)).items():
        by_judge = _estimates(part)
        for metric in _METRICS:
            people = by_judge[PEOPLE, metric]
            cells = [_cell(by_judge.get((judge, metric)), people) for judge in JUDGES]
            rows.append([name, metric, str(people.n), f"{_percent(people):.1f}", *cells])
    return Table(
        "SRAs and SRAu by each judge beside people's", ["responses of", "metric", "n", PEOPLE, *JUDGES], rows, _NOTES
    )


def _estimates(part: pl.DataFrame) -> dict[tuple[str, str], Estimate]:
    """(judge, metric) -> the estimate over all given responses, by the very code that scores a run."""
    judges = [name for name in (PEOPLE, *JUDGES) if whole(part, name)]
    empty = [pl.lit(None, pl.String).alias(name) for name in (*DIMENSIONS, "label")]
    verdicts = (
        part.drop("target")
        .unpivot(judges, index=["item_id", "group_id", "expects"], variable_name="judge", value_name="flagged")
        .with_columns(*empty, status=pl.lit("ok"))
    )
    return {(e.judge, e.metric): e for e in estimate(verdicts.lazy(), load_rubric("xstest"), SEED)}


def _cell(estimate: Estimate | None, people: Estimate) -> str:
    if estimate is None:
        return "–"
    return f"{_percent(estimate):.1f} ({_percent(estimate) - _percent(people):+.1f})"


def _percent(estimate: Estimate) -> float:
    assert estimate.value is not None
    return 100 * estimate.value
