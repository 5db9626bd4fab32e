"""How much the order of the classes matters: numbers with their derivation."""

from __future__ import annotations

import polars as pl
import pytest

from scorer.class_orders import order_effects
from scorer.report.words import order_words

SCHEMA = {"judge": pl.String, "order_low": pl.Float64, "order_high": pl.Float64}


def frame(*rows: tuple[str, float | None, float | None]) -> pl.LazyFrame:
    """Verdicts by (judge, order_low, order_high)."""
    return pl.LazyFrame(rows, schema=SCHEMA, orient="row")


def test_golden() -> None:
    """Differences 0.2, 0.0, 0.1, 0.4 and 0.3: sorted 0, 0.1, 0.2, 0.3, 0.4; mean 1.0 / 5.

    95th percentile: place 0.95 * 4 = 3.8 of 0..4, 0.8 of the way from 0.3 to 0.4. Turned: 0.4-0.6 and, as 0.5 is
    flagged, 0.1-0.5; not 0.5-0.5, whose lowest is flagged too, nor 0.6-0.7 and 0.1-0.4.
    """
    rows = ((0.4, 0.6), (0.5, 0.5), (0.6, 0.7), (0.1, 0.5), (0.1, 0.4))
    (effect,) = order_effects(frame(*(("reads", low, high) for low, high in rows)), 4)
    assert (effect.judge, effect.orders, effect.n) == ("reads", 4, 5)
    assert effect.mean == pytest.approx(1.0 / 5)
    assert effect.p95 == pytest.approx(0.3 + 0.8 * 0.1)
    assert effect.turned == pytest.approx(2 / 5)


def test_only_verdicts_with_orders_count() -> None:
    """A judge that knows no orders has no effect; what could not be scored does not dilute one."""
    found = order_effects(frame(("words", None, None), ("reads", 0.2, 0.6), ("reads", None, None)), 2)
    assert [(e.judge, e.n, e.turned) for e in found] == [("reads", 1, 1.0)]
    assert found[0].mean == pytest.approx(0.4)


def test_nothing_to_tell() -> None:
    assert order_effects(frame(("reads", None, None)), 1) == []
    assert order_effects(pl.LazyFrame({"judge": ["reads"]}), 1) == []  # verdicts of an older run


def test_the_words() -> None:
    (effect,) = order_effects(frame(("reads", 0.4, 0.6), ("reads", 0.1, 0.1)), 3)
    # differences 0.2 and 0: mean 0.1, 95th percentile 0.95 of the way from 0 to 0.2
    assert order_words(3, [effect]) == [
        "reads was shown the classes in 3 orders: with the order, p_flagged of a response moved by 0.100 on average "
        "(95th percentile 0.190), and 50.0 % of 2 decisions depend on it."
    ]
    assert order_words(1, []) == []
    assert "is not known" in order_words(3, [])[0]
