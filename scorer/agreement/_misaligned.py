"""Slices of an annotator's labels that look as if they stood beside other responses than their own.

Tested per target and method; a file whose labels are spread over slices too small to be tested is tested as a whole.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
import polars as pl

from scorer.agreement._alignment import (
    FEWEST_OTHER,
    Association,
    Placement,
    allowed_p_value,
    association,
    better_placement,
    can_tell,
)
from scorer.agreement._warning import warning
from scorer.agreement.cases import Cases, Labels, Mask, Rater
from scorer.stats.intervals import Floats

EXPECTS = "expects"
"""The name of the witness that is no judge."""


@dataclass(frozen=True)
class _Slice:
    place: dict[str, Any]
    rows: Labels
    """Rows of the run's responses, in the order in which their labels stand in the file."""


def misaligned(cases: Cases) -> Iterator[dict[str, Any]]:
    """A warning per slice of an annotator's labels that fit no better than permuted ones, or better elsewhere."""
    found = []
    for annotator in cases.annotators:
        for s in _slices(cases, annotator):
            if can_tell(labels := annotator.labels[s.rows]):
                rng = cases.rng("misaligned", *s.place.values())
                found.append((annotator, s, labels, association(_witnesses(cases, s.rows), labels, rng)))
    for i, (annotator, s, labels, fit) in enumerate(found):
        others = [other[3].strength for j, other in enumerate(found) if j != i and other[3] is not None]
        expects = cases.column("expects")[s.rows]
        alone = min((expects == side).sum() for side in ("answer", "refusal")) < FEWEST_OTHER
        allowed = allowed_p_value(
            len(labels), judges_alone=bool(alone), strength_elsewhere=median(others) if others else None
        )
        words = {judge.name: _own_words(cases, judge)[s.rows] for judge in cases.judges}
        better = better_placement(words, _elsewhere(cases, s), labels)
        if better is not None or (fit is not None and fit.p_value > allowed):
            yield _warning(cases, annotator, s, fit, allowed, better)


def _slices(cases: Cases, annotator: Rater) -> Iterator[_Slice]:
    labelled = (
        cases.labelled(annotator.name)
        .sort("reference", "row")
        .join(cases.responses.select("target", "method").with_row_index("row"), on="row", maintain_order="left")
    )
    several = cases.responses["method"].n_unique() > 1
    untested = []
    for (target, method), part in labelled.group_by("target", "method", maintain_order=True):
        place = {"annotator": annotator.name, "target": target} | ({"method": method} if several else {})
        whole = _Slice(place, part["row"].to_numpy().astype(np.intp))
        if can_tell(annotator.labels[whole.rows]):
            yield whole
        else:
            untested.append(part)
    for (source,), part in pl.concat(untested).group_by("source", maintain_order=True) if untested else ():
        if part.select("target", "method").n_unique() > 1:
            yield _Slice({"annotator": annotator.name, "source": source}, part["row"].to_numpy().astype(np.intp))


def _witnesses(cases: Cases, rows: Labels) -> dict[str, Floats]:
    """How well each class fits each response, by the judges and by what was expected of it."""
    flagged, classes = cases.class_flagged[None], np.arange(len(cases.rubric.classes))[None]
    found: dict[str, Floats] = {}
    for judge in cases.judges:
        known = judge.known[rows, None]
        found[judge.name] = known * (judge.flagged[rows, None] == flagged).astype(float)
        if judge.detail:
            found[f"{judge.name}, classes"] = known * (judge.labels[rows, None] == classes).astype(float)
        if judge.p is not None:
            p = np.nan_to_num(judge.p, nan=0.5)[rows, None]
            found[f"{judge.name}, probabilities"] = np.where(flagged == 1, p, 1 - p)
    expects = cases.column("expects")[rows]
    known = np.isin(expects, ("answer", "refusal"))[:, None]
    found[EXPECTS] = known * ((expects == "refusal")[:, None] == (flagged == 1)).astype(float)
    return found


def _own_words(cases: Cases, judge: Rater) -> Floats:
    """0 or 1 for every response and class: what the judge said, as finely as it can. 0 where it said nothing."""
    said = (
        judge.labels[:, None] == np.arange(len(cases.rubric.classes))
        if judge.detail
        else judge.flagged[:, None] == cases.class_flagged
    )
    words: Floats = (said & judge.known[:, None]).astype(float)
    return words


def _elsewhere(cases: Cases, one: _Slice) -> dict[str, dict[str, Floats]]:
    """Per other target, what the judges said of its responses to the slice's items; NaN where it has none."""
    target, method, items = (cases.column(name) for name in ("target", "method", "item_id"))
    if "target" not in one.place:
        return {}
    found = {}
    for other in dict.fromkeys(target):
        if other == one.place["target"]:
            continue
        row_of = {(items[r], method[r]): r for r in np.flatnonzero(target == other)}
        at = np.array([row_of.get((items[r], method[r]), -1) for r in one.rows], dtype=np.intp)
        if (at >= 0).any():
            found[str(other)] = {
                j.name: np.where((at >= 0)[:, None], _own_words(cases, j)[at], np.nan) for j in cases.judges
            }
    return found


def _warning(
    cases: Cases, annotator: Rater, one: _Slice, fit: Association | None, allowed: float, better: Placement | None
) -> dict[str, Any]:
    n = len(one.rows)
    evidence: dict[str, Any] = {"labels": n, "agreement": _agreements(cases, annotator, one.rows)}
    if fit is not None:
        evidence["permutation_test"] = {
            "best_witness": fit.witness,
            "standard_deviations_above_permutations": round(fit.z, 2),
            "p_value": fit.p_value,
            "allowed_p_value": round(allowed, 5),
            "correlation_scale": round(fit.strength, 3),
            "expected_at_kappa_0.25": round(0.25 * math.sqrt(n), 2),
        }
    if better is None:
        message = (
            f"The {n} labels agree with the responses hardly better than if they were shuffled; check that labels and "
            "responses are in the same order and that the ids are right."
        )
    else:
        evidence["better_placement"] = {
            "shift": better.shift,
            "target": better.target,
            "judge": better.judge,
            "agreement_there": better.fit,
            "agreement_here": better.here,
            "p_value": better.p_value,
        }
        where = (
            f"the responses of {better.target}"
            if better.shift is None
            else f"the responses {abs(better.shift)} row{'s' if abs(better.shift) > 1 else ''} "
            f"{'earlier' if better.shift > 0 else 'later'}"
        )
        message = (
            f"The {n} labels fit {where} better than those beside which they stand: they agree with {better.judge} on "
            f"{100 * better.fit:.0f} % there and {100 * better.here:.0f} % here; check the order and the ids."
        )
    return warning("misaligned", message, one.place, evidence)


def _agreements(cases: Cases, annotator: Rater, rows: Labels) -> dict[str, float | None]:
    """Accuracy on flagged per judge, in this slice."""
    out: dict[str, float | None] = {}
    for judge in cases.judges:
        used: Mask = judge.known[rows]
        same = judge.flagged[rows][used] == annotator.flagged[rows][used]
        out[judge.name] = float(same.mean()) if used.any() else None
    return out
