"""What a cascade did in a run: who decided how much, and how far each agrees with labels."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from scorer.metrics import CLUSTER, LEVEL
from scorer.rubrics import Rubric
from scorer.stats.intervals import Floats, bootstrap_sums, cluster_interval, wilson

NAME = "cascade"

SAME_LABELS = (
    "The labels that chose where the embedding judge decides alone also stand in the numbers here, in agreement by "
    "region and in corrected estimates. Cross-fitting can undo that for fitted probabilities, not for a threshold: on "
    "the responses decided alone the cascade may look slightly better than it is. Other labels are free of it."
)


def cascade_record(
    verdicts: pl.DataFrame, made_of: dict[str, Any], rubric: Rubric, seed: int, *, same_labels: bool | None = None
) -> dict[str, Any]:
    """The manifest's entry `cascade`, all of it numbers that the report shows.

    `verdicts` are the cascade's rows, with `truth` and `probability` where there are labels; `same_labels` then says
    whether some of them also certified it.
    """
    first, second = made_of["parts"]
    certificate = made_of["certificate"]
    decided = verdicts.filter(pl.col("decided_by").is_not_null())
    by = {name: decided.filter(pl.col("decided_by") == name) for name in (first, second)}
    return {
        "first": first,
        "second": second,
        "decided": len(decided),
        "alone": len(by[first]),
        "escalated": len(by[second]),
        "escalated_unscored": int((by[second]["status"] != "ok").sum()),
        "certificate": certificate,
        "agreement": None
        if same_labels is None
        else {name: _agreement(rows, rubric, seed) for name, rows in {**by, NAME: decided}.items()},
        "note": SAME_LABELS if same_labels else None,
    }


def _agreement(rows: pl.DataFrame, rubric: Rubric, seed: int) -> dict[str, Any]:
    """Agreement on `flagged` (fraction 0-1) of labelled verdicts, each weighted by 1 / its chance of being labelled.

    The interval is a cluster bootstrap over groups, Wilson's where every label stands alone with one chance.
    """
    used = rows.filter(pl.col("status") == "ok", pl.col("truth").is_not_null()).with_columns(cluster=CLUSTER)
    if used.is_empty():
        return {"n": 0, "agreements": 0, "value": None, "low": None, "high": None, "level": LEVEL}
    agrees = (used["flagged"] == used["truth"].is_in(sorted(rubric.flagged_ids))).to_numpy().astype(float)
    chance = used["probability"]
    weight = np.ones(len(used)) if chance.null_count() else 1 / chance.to_numpy()
    low, high = _interval(agrees, weight, used["cluster"].to_numpy(), np.random.default_rng(seed))
    return {
        "n": len(used),
        "agreements": int(agrees.sum()),
        "value": float(np.average(agrees, weights=weight)),
        "low": low,
        "high": high,
        "level": LEVEL,
    }


def _interval(
    agrees: Floats, weight: Floats, cluster: np.ndarray[tuple[int], np.dtype[np.object_]], rng: np.random.Generator
) -> tuple[float, float]:
    ids = np.unique(cluster.astype(str), return_inverse=True)[1]
    if len(ids) == ids.max() + 1 and np.ptp(weight) == 0:
        return wilson(float(agrees.sum()), len(agrees), LEVEL)
    sums: Floats = np.stack([np.bincount(ids, weight * agrees), np.bincount(ids, weight)], axis=1)

    def rate(totals: Floats) -> Floats:
        share: Floats = totals[:, 0] / totals[:, 1]
        return share

    return cluster_interval(sums, rate, LEVEL, bootstrap_sums(sums, rng) if len(sums) > 1 else None)
