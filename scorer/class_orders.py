"""How much verdicts depend on the order in which a judge was shown the classes."""

from __future__ import annotations

import polars as pl

from scorer.records import OrderEffect


def order_effects(verdicts: pl.LazyFrame, orders: int) -> list[OrderEffect]:
    """The effect per judge that was shown the classes in several orders and gave probabilities in each.

    `verdicts` has the columns of verdicts.parquet, whose order_low and order_high are the extremes of p_flagged over
    `orders` orders. The 95th percentile interpolates linearly between the two nearest differences.
    """
    if "order_low" not in verdicts.collect_schema().names():
        return []  # a run from before there were orders
    low, high = pl.col("order_low"), pl.col("order_high")
    rows = (
        verdicts.filter(low.is_not_null(), high.is_not_null())
        .group_by("judge", maintain_order=True)
        .agg(
            n=pl.len(),
            mean=(high - low).mean(),
            p95=(high - low).quantile(0.95, interpolation="linear"),
            turned=((low < 0.5) & (high >= 0.5)).mean(),
        )
        .collect()
    )
    return [OrderEffect(orders=orders, **row) for row in rows.iter_rows(named=True)]
