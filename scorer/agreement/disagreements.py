"""The responses on which a judge and a reference disagree, worst first, with their texts."""

from __future__ import annotations

import numpy as np
import polars as pl

from scorer.agreement.cases import NONE, Cases, Labels, Mask, Rater
from scorer.agreement.measures import Json
from scorer.records import DIMENSIONS
from scorer.stats.intervals import Floats

_PLACE = ("item_id", *DIMENSIONS, "expects", "query", "response")


def disagreements(cases: Cases) -> list[Json]:
    """One entry per judge and response where an annotator gave another class, or for a judge without detail side.

    `error` is |p - share of the annotators who flagged the response|: worst is a judge that was sure of what nobody
    else finds. Judges without probabilities have none; their entries come last, in the run's order. `differs` is
    `flagged` where the two sides of the decision differ, `class` where only the classes do. `row` counts from 0 in
    responses.parquet.
    """
    truth, anyone = _flagged_share(cases.annotators)
    found = []
    for judge in cases.judges:
        side, other_class = _differs(judge, cases.annotators)
        error = np.full(len(truth), np.nan) if judge.p is None else np.abs(judge.p - truth)
        evidence = _evidence(cases, judge.name)
        for row in np.flatnonzero(anyone & judge.known & (side | other_class)):
            found.append((int(row), judge, bool(side[row]), float(error[row]), evidence[row]))
    # A missing error sorts last; equal ones stay in the run's order.
    found.sort(key=lambda entry: (np.isnan(entry[3]), -entry[3] if not np.isnan(entry[3]) else 0.0, entry[0]))
    return [_entry(cases, *one) for one in found]


def _flagged_share(annotators: tuple[Rater, ...]) -> tuple[Floats, Mask]:
    """Per response the share of its annotators who flagged it, and whether there is any."""
    votes = np.stack([np.where(a.known, a.flagged, 0) for a in annotators]).sum(axis=0)
    voters = np.stack([a.known for a in annotators]).sum(axis=0)
    return votes / np.maximum(voters, 1), voters > 0


def _differs(judge: Rater, annotators: tuple[Rater, ...]) -> tuple[Mask, Mask]:
    """Where any annotator's side differs from the judge's, and where any class does."""
    side, other = (np.zeros(len(judge.labels), dtype=bool) for _ in range(2))
    for a in annotators:
        side |= a.known & (a.flagged != judge.flagged)
        other |= a.known & (a.labels != judge.labels) & judge.detail
    return side, other


def _evidence(cases: Cases, judge: str) -> list[str | None]:
    verdicts = cases.run.verdicts_of(judge)
    return verdicts["evidence"].to_list() if "evidence" in verdicts.columns else [None] * len(verdicts)


def _entry(cases: Cases, row: int, judge: Rater, side: bool, error: float, evidence: str | None) -> Json:
    response = cases.responses.row(row, named=True)
    p = None if judge.p is None or np.isnan(judge.p[row]) else float(judge.p[row])
    return {
        "row": row,
        "judge": judge.name,
        "differs": "flagged" if side else "class",
        "error": None if np.isnan(error) else error,
        **{name: response.get(name) for name in _PLACE},
        "label": _class(cases, judge.labels, row),
        "p_flagged": p,
        "flagged": bool(judge.flagged[row]),
        "reference_labels": {a.name: _class(cases, a.labels, row) for a in cases.annotators if a.known[row]},
        "evidence": evidence,
    }


def _class(cases: Cases, labels: Labels, row: int) -> str | None:
    return None if labels[row] == NONE else cases.rubric.class_ids[labels[row]]


def label_counts(cases: Cases, rater: Rater) -> dict[str, int]:
    """How often a rater gave each class."""
    return {c: int((rater.labels == i).sum()) for i, c in enumerate(cases.rubric.class_ids)}


def imported(cases: Cases, annotator: Rater) -> Json:
    """What there is of an annotator: labels as imported, and how many of them belong to this run."""
    mine = cases.references.with_row_index("reference").filter(pl.col("annotator") == annotator.name)
    matched = mine.filter(pl.col("reference").is_in(cases.pairs["reference"].unique().implode()))
    target = cases.column("target")
    return {
        "name": annotator.name,
        "sources": sorted(annotator.sources),
        "labels": len(mine),
        "unparsed": int((mine["status"] != "ok").sum()),
        "matched": len(matched),
        "responses": int(annotator.known.sum()),
        "per_target": {t: n for t in dict.fromkeys(target) if (n := int((annotator.known & (target == t)).sum()))},
        "per_class": label_counts(cases, annotator),
    }
