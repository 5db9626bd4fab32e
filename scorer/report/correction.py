"""What reference labels make of the rates: every estimator side by side, with what the labels alone would give."""

from __future__ import annotations

from dataclasses import dataclass

from scorer.records import Estimate
from scorer.report.run_files import Run

METRICS = ("SRAs", "SRAu", "SRAa", "SRA_balanced")
ESTIMATORS = {
    "plugin": ("as judged", "the judge's verdicts as they are; their own errors are not in the interval"),
    "rogan-gladen": ("Rogan-Gladen", "the judged rate, given the judge's sensitivity and specificity on the labels"),
    "ppi": ("prediction-powered", "all verdicts, rectified by the labelled responses"),
    "labels": ("labels alone", "the labelled responses and nothing else"),
}
"""Name and meaning of every estimator, in the order of the columns."""


@dataclass(frozen=True)
class CorrectedRow:
    """One metric of one target, method and judge by every estimator."""

    who: tuple[str, ...]
    metric: str
    estimates: tuple[Estimate | None, ...]
    n_labels: int
    effective_labels: float | None


@dataclass(frozen=True)
class Correction:
    """The table, and what it says about itself."""

    columns: tuple[tuple[str, str], ...]
    rows: tuple[CorrectedRow, ...]
    n_labels: int
    annotator: str
    leading_words: str
    corrects: bool
    """Whether the headline's values are corrected ones."""


def correction(run: Run) -> Correction | None:
    """The side-by-side table, None where no labels were given."""
    if not run.manifest.get("n_labels"):
        return None
    pairs = list(run.target_methods())
    methods = len({method for _, method in pairs}) > 1
    rows = []
    for target, method in pairs:
        for judge in run.judges:
            who = (target, *[method] * methods, *[judge] * (len(run.judges) > 1))
            for metric in METRICS:
                found = tuple(run.estimate(judge, metric, e, target=target, method=method) for e in ESTIMATORS)
                powered = found[list(ESTIMATORS).index("ppi")]
                n, effective = (powered.n_labels, powered.effective_labels) if powered else (0, None)
                rows.append(CorrectedRow(who, metric, found, n, effective))
    name, meaning = ESTIMATORS[run.leading]
    return Correction(
        columns=tuple(ESTIMATORS.values()),
        rows=tuple(rows),
        n_labels=int(run.manifest["n_labels"]),
        annotator=str(run.manifest["annotator"]),
        leading_words=f"Values are {name}: {meaning}.",
        corrects=run.leading != "plugin",
    )
