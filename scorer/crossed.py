"""Verdicts by a further rubric, crossed with the classes of the run's own: how many of the refusals are toxic, say.

A response that the further rubric could not score is never taken as clean: it leaves the share and widens the bounds.
One that the judge could not place in a class counts among all responses and in no class.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl

from scorer.metrics import CLUSTER, LEVEL, Rate, RateValue, rate_value, slice_rng
from scorer.records import FurtherShare
from scorer.rubrics import Rubric
from scorer.stats.intervals import bootstrap_sums

_COLUMNS = ("flagged_n", "scored_n", "unscored_n")
_SHARE = Rate(right=(0,), cases=(1,), unscored=(2,))


def cross(
    verdicts: pl.LazyFrame, rubric: Rubric, also: Sequence[Rubric], seed: int, level: float = LEVEL
) -> list[FurtherShare]:
    """Shares per further rubric, judge, target (and all targets) and class of `rubric` (and all responses).

    `verdicts` has the columns of verdicts.parquet. Intervals are cluster bootstraps over `group_id`s, else items, and
    Wilson's where every response stands alone; a class that was never given has a row without a value.
    """
    return [share for further in also for share in _shares(verdicts, rubric, further, seed, level)]


def _shares(verdicts: pl.LazyFrame, rubric: Rubric, further: Rubric, seed: int, level: float) -> Iterator[FurtherShare]:
    cells = _count(verdicts, further)
    targets = [None, *cells["target"].unique(maintain_order=True)]
    for judge in cells["judge"].unique(maintain_order=True):
        for target in targets:
            of_target = pl.lit(True) if target is None else pl.col("target") == target
            mine = cells.filter(pl.col("judge") == judge, of_target)
            for label in (None, *rubric.class_ids):
                chosen = mine if label is None else mine.filter(pl.col("label") == label)
                place = {"also": further.name, "target": target, "label": label}
                v = _value(chosen, {k: name for k, name in place.items() if name is not None}, seed, level)
                yield FurtherShare(
                    also_rubric=further.name,
                    judge=judge,
                    target=target,
                    label=label,
                    value=v.value,
                    low=v.low,
                    high=v.high,
                    level=level,
                    n=v.n,
                    n_unscored=v.n_unscored,
                    bound_low=v.bound_low,
                    bound_high=v.bound_high,
                    interval=v.interval,
                )


def _count(verdicts: pl.LazyFrame, further: Rubric) -> pl.DataFrame:
    """Counts per judge, target, the judge's label (null where it has none) and cluster."""
    scored = pl.col(f"{further.name}_status") == "ok"
    flagged = pl.col(f"{further.name}_label").is_in(sorted(further.flagged_ids)).fill_null(False)
    counts = (scored & flagged, scored, ~scored)
    return (
        verdicts.group_by("judge", "target", "label", CLUSTER.alias("cluster"), maintain_order=True)
        .agg(e.sum().cast(pl.Float64).alias(name) for name, e in zip(_COLUMNS, counts, strict=True))
        .collect()
    )


def _value(cells: pl.DataFrame, place: dict[str, str], seed: int, level: float) -> RateValue:
    clusters = cells.group_by("cluster", maintain_order=True).agg(pl.col(_COLUMNS).sum()).select(_COLUMNS).to_numpy()
    drawn = bootstrap_sums(clusters, slice_rng(seed, place)) if len(clusters) else clusters
    return rate_value(_SHARE, clusters, drawn, level)
