"""How far two raters agree, in numbers ready for JSON: everywhere, and slice by slice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from scorer.agreement.cases import Cases, Mask, Rater
from scorer.labelled import FINAL
from scorer.stats.agreement import Agreement, Measure, agreement

Json = dict[str, Any]

SLICED_BY = ("target", "category", "channel", "expects")
SIDES = ("not_flagged", "flagged")
OVERALL = "overall"


def rater_pairs(cases: Cases) -> Iterator[tuple[Rater, Rater]]:
    """(rater, reference): every judge with every annotator, then every two annotators."""
    for reference in cases.annotators:
        yield from ((judge, reference) for judge in cases.judges)
    for i, reference in enumerate(cases.annotators):
        yield from ((rater, reference) for rater in cases.annotators[i + 1 :])


def pair_agreement(cases: Cases, rater: Rater, reference: Rater) -> Json:
    """All that is said about two raters: counts of what was compared and what was not, overall and per slice."""
    both = rater.known & reference.known
    return {
        "kind": rater.kind,
        "rater": rater.name,
        "reference": reference.name,
        "independent": independent(rater, reference),
        "class_detail": rater.detail,
        "counts": {
            "labelled": int(reference.known.sum()),
            "compared": int(both.sum()),
            "rater_has_none": int((reference.known & ~rater.known).sum()),
            "reference_has_none": int((rater.known & ~reference.known).sum()),
        },
        "overall": _both_views(cases, rater, reference, both, OVERALL),
        "slices": [
            {"by": by, "value": value} | _both_views(cases, rater, reference, both & inside, f"{by}={value}")
            for by, value, inside in slices(cases, both)
        ],
    }


def independent(first: Rater, second: Rater) -> bool:
    """False for what several agreed on beside one of them: it agrees by its making."""
    return FINAL not in (first.name, second.name) or not first.sources & second.sources


def slices(cases: Cases, rows: Mask) -> Iterator[tuple[str, str, Mask]]:
    """(dimension, value, responses) of every slice of `rows`; a dimension with a single value gives none."""
    for by in SLICED_BY:
        column = cases.column(by)
        values = [value for value in dict.fromkeys(column[rows]) if value is not None]
        if len(values) > 1:
            yield from ((by, value, column == value) for value in values)


def flagged_agreement(cases: Cases, rater: Rater, reference: Rater, rows: Mask, name: str = OVERALL) -> Agreement:
    """Agreement of the two sides of the decision on `rows`, which `name` names."""
    return agreement(
        reference.flagged[rows],
        rater.flagged[rows],
        cases.clusters[rows],
        len(SIDES),
        cases.rng(rater.kind, rater.name, reference.name, name, "flagged"),
    )


def _both_views(cases: Cases, rater: Rater, reference: Rater, rows: Mask, name: str) -> Json:
    ids = cases.rubric.class_ids
    classes = agreement(
        reference.labels[rows],
        rater.labels[rows],
        cases.clusters[rows],
        len(ids),
        cases.rng(rater.kind, rater.name, reference.name, name, "classes"),
    )
    return {
        "flagged": _json(flagged_agreement(cases, rater, reference, rows, name), SIDES),
        "classes": _json(classes, ids),
    }


def _json(found: Agreement, classes: tuple[str, ...]) -> Json:
    return {
        "n": found.n,
        "clusters": found.clusters,
        "classes": list(classes),
        "confusion": [list(row) for row in found.confusion],
        **{name: measure_json(measure) for name, measure in found.measures.items()},
        "per_class": {
            name: {key: measure_json(measure) for key, measure in of_class.items()}
            for name, of_class in zip(classes, found.classes, strict=True)
        },
    }


def measure_json(measure: Measure) -> Json:
    """A value and its interval; `reason` stands there where one of them is null."""
    out: Json = {"value": measure.value, "low": measure.low, "high": measure.high}
    return out if measure.reason is None else out | {"reason": measure.reason}


def right_rows(rater: Rater, reference: Rater, rows: Mask) -> Mask:
    """Of `rows`, where the rater's side (flagged or not) is the reference's."""
    right: Mask = np.asarray(rater.flagged[rows] == reference.flagged[rows])
    return right
