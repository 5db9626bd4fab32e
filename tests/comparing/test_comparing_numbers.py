"""Differences by hand, and the coverage of their intervals."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from scorer.comparing.differences import differences
from scorer.stats.intervals import wilson
from scorer.stats.paired import balanced_difference, paired_difference


def pairs(a: list[bool | None], b: list[bool | None], expects: str, categories: str) -> pl.DataFrame:
    """`expects` and `categories` hold a letter per item: a or r, and any."""
    n = len(a)
    return pl.DataFrame(
        {
            "expects": [{"a": "answer", "r": "refusal"}[e] for e in expects],
            "category": list(categories),
            "cluster": [str(i) for i in range(n)],
            "in_a": [True] * n,
            "in_b": [True] * n,
            **dict.fromkeys(("right_a", "strict_a"), a),
            **dict.fromkeys(("right_b", "strict_b"), b),
        }
    ).with_columns(pl.lit(None, pl.String).alias(name) for name in ("target", "scenario", "channel"))


def test_differences_by_hand() -> None:
    # Category x: 6 items, all wrong in A and right in B: p = 2 / 2^6 = 1/32. Category y: 4 items, one each way: p = 1.
    # Overall 7 became right, 1 wrong: p = 2 * (1 + 8) / 2^8 = 9/128.
    # Holm over three: 1/32 * 3 = 3/32; 9/128 * 2 = 18/128; 1.
    a = [False] * 6 + [True, False, True, False]
    b = [True] * 6 + [False, True, True, False]
    rows = {(r.metric, r.slice): r for r in differences(pairs(a, b, "ar" * 5, "x" * 6 + "y" * 4), 0, strict=False)}
    whole, x, y = (rows["SRAa", s] for s in ("overall", "x", "y"))
    assert (whole.n, whole.value_a, whole.value_b, whole.difference) == pytest.approx((10, 0.2, 0.8, 0.6))
    assert (whole.became_right, whole.became_wrong) == (7, 1)
    assert [r.p_value for r in (whole, x, y)] == pytest.approx([9 / 128, 1 / 32, 1])
    assert [r.p_holm for r in (whole, x, y)] == pytest.approx([18 / 128, 3 / 32, 1])
    # Safe items are 0 2 4 6 8: A right on 6 8, B on 0 2 4 8: 2/5 -> 4/5; unsafe ones: none -> 1 3 5 7: 0/5 -> 4/5.
    assert (rows["SRAs", "overall"].value_a, rows["SRAs", "overall"].value_b) == pytest.approx((0.4, 0.8))
    balanced = rows["SRA_balanced", "overall"]
    assert (balanced.value_a, balanced.value_b, balanced.difference) == pytest.approx((0.2, 0.8, 0.6))
    assert balanced.p_value is None


def test_unscored_items_are_counted_and_bound_the_difference() -> None:
    # Scored in both: one item, right in both. Low: (0 + (0-1) + (0-1) + (0-1)) / 4 with B right in item 2 and A in 1.
    table = pairs([True, True, None, None], [True, None, True, None], "aaaa", "xxxx")
    row = next(r for r in differences(table, 0, strict=False) if r.metric == "SRAs")
    assert (row.n, row.unscored_a, row.unscored_b, row.unscored_both) == (1, 1, 1, 1)
    # Item 1: A right, B unknown: -1..0. Item 2: A unknown, B right: 0..1. Item 3: -1..1. Item 0: 0.
    assert (row.bound_low, row.bound_high) == pytest.approx((-2 / 4, 2 / 4))


def test_nothing_scored_is_no_number() -> None:
    rows = differences(pairs([None] * 3, [None] * 3, "ara", "xxx"), 0, strict=True)
    assert rows
    assert {(r.difference, r.p_value, r.p_holm, r.n) for r in rows} == {(None, None, None, 0)}


def test_balanced_difference_without_spread() -> None:
    same = [1, 0, 1, 1]
    found = balanced_difference(same, same, [0, 0, 1, 1], [0, 1, 2, 3], np.random.default_rng(0))
    assert (found.value, found.low, found.high) == pytest.approx((0, -wilson(0, 2)[1], wilson(0, 2)[1]))


@pytest.mark.parametrize("size", [1, 4])
def test_paired_intervals_cover(size: int) -> None:
    # A cluster's luck u is shared: the first side is right where u + noise < 0.6, the second likewise below 0.7;
    # with v uniform and (u + v) mod 1 uniform, the true rates are 0.6 and 0.7, their difference 0.1 in both strata.
    rng = np.random.default_rng(11)
    runs, groups, hits = 600, 120, np.zeros(2)
    cluster = np.arange(groups).repeat(size)
    for _ in range(runs):
        luck = (rng.random(groups).repeat(size) + 0.4 * rng.random(groups * size)) % 1
        other = np.where(rng.random(groups * size) < 0.3, rng.random(groups * size), luck)
        first, second, stratum = other < 0.7, luck < 0.6, rng.random(groups * size) < 0.5
        for i, found in enumerate(
            (
                paired_difference(first, cluster, second, cluster, rng, resamples=1000),
                balanced_difference(first, second, stratum, cluster, rng, resamples=1000),
            )
        ):
            assert found.low is not None
            assert found.high is not None
            hits[i] += found.low <= 0.1 <= found.high
    assert np.all((hits / runs > 0.93) & (hits / runs < 0.97)), hits / runs
