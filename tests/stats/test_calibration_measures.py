"""Calibration measures, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from scorer.stats.calibration_measures import calibration, expected_calibration_error, reliability
from scorer.stats.intervals import wilson

P = [0.1, 0.1, 0.2, 0.6, 0.7, 0.9]
Y = [0, 0, 1, 0, 1, 1]


def test_brier_and_log_loss_by_hand() -> None:
    # Squares: 0.01 + 0.01 + 0.64 + 0.36 + 0.09 + 0.01 = 1.12; probability of what happened: 0.9 0.9 0.2 0.4 0.7 0.9.
    found = calibration(P, Y)
    assert found.brier == pytest.approx(1.12 / 6)
    assert found.log_loss == pytest.approx(-math.log(0.9**3 * 0.2 * 0.4 * 0.7) / 6)
    assert found.n == 6


def test_equal_mass_by_hand() -> None:
    # Two halves: mean 0.4/3 and rate 1/3, mean 2.2/3 and rate 2/3: (1/2)(0.6/3) + (1/2)(0.2/3) = 0.4/3.
    first, second = reliability(P, Y, bins=2)
    assert (first.n, first.lower, first.upper, first.weight) == (3, 0.1, 0.2, 0.5)
    assert (first.mean, first.rate) == pytest.approx((0.4 / 3, 1 / 3))
    assert (second.mean, second.rate) == pytest.approx((2.2 / 3, 2 / 3))
    assert (first.low, first.high) == pytest.approx(wilson(1, 3))
    assert expected_calibration_error(P, Y, bins=2) == pytest.approx(0.4 / 3)


def test_equal_width_by_hand() -> None:
    # Quarters: {0.1 0.1 0.2}: |1/3 - 0.4/3| = 0.2 times 3/6; {0.6 0.7}: |1/2 - 0.65| times 2/6; {0.9}: 0.1 times 1/6.
    found = expected_calibration_error(P, Y, bins=4, scheme="equal_width")
    assert found == pytest.approx(0.2 / 2 + 0.15 / 3 + 0.1 / 6)
    assert [b.n for b in reliability(P, Y, bins=4, scheme="equal_width")] == [3, 2, 1]


def test_edges_of_equal_width_bins() -> None:
    bins = reliability([0.0, 0.5, 1.0], [0, 1, 1], bins=2, scheme="equal_width")
    assert [(b.lower, b.upper) for b in bins] == [(0.0, 0.0), (0.5, 1.0)]


def test_equal_probabilities_stay_together() -> None:
    bins = reliability([0.3] * 7 + [0.8], [0] * 7 + [1], bins=4)
    assert [b.n for b in bins] == [7, 1]


def test_a_weight_counts_like_that_many_cases() -> None:
    times = [1, 3, 2, 1, 2, 1]
    weighted = calibration(P, Y, weight=times, bins=3)
    repeated = calibration(np.repeat(P, times), np.repeat(Y, times), bins=3)
    assert weighted.ece_mass == pytest.approx(repeated.ece_mass)
    assert weighted.ece_width == pytest.approx(repeated.ece_width)
    assert weighted.brier == pytest.approx(repeated.brier)
    assert weighted.log_loss == pytest.approx(repeated.log_loss)


def test_unequal_weights_widen_a_bins_interval() -> None:
    even, uneven = (reliability([0.5] * 8, [0, 1] * 4, weight=w, bins=1)[0] for w in ([1] * 8, [1, 1, 5, 5] * 2))
    assert uneven.high - uneven.low > even.high - even.low


def test_probabilities_that_are_right_have_little_error() -> None:
    rng = np.random.default_rng(0)
    p = rng.random(20_000)
    found = calibration(p, rng.random(20_000) < p)
    assert found.ece_mass is not None
    assert found.ece_mass < 0.02
    assert sum(b.low <= b.mean <= b.high for b in found.bins) >= 8


def test_one_class_and_certain_mistakes_are_finite() -> None:
    assert calibration([0.2, 0.4], [1, 1]).brier == pytest.approx((0.64 + 0.36) / 2)
    mistaken = calibration([0.0], [1]).log_loss
    assert mistaken is not None
    assert 30 < mistaken < 40


def test_no_case() -> None:
    assert calibration([], []) == calibration(np.empty(0), np.empty(0))
    assert calibration([], []).brier is None
    assert calibration([], []).bins == ()


@pytest.mark.parametrize(
    ("p", "y", "weight", "says"),
    [
        ([1.2], [1], None, "between 0 and 1"),
        ([math.nan], [1], None, "between 0 and 1"),
        ([0.2], [2], None, "0 or 1"),
        ([0.2], [1, 0], None, "equally long"),
        ([0.2], [1], [0.0], "positive"),
    ],
)
def test_bad_input(p: list[float], y: list[int], weight: list[float] | None, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        calibration(p, y, weight=weight)


def test_no_bins() -> None:
    with pytest.raises(ValueError, match="at least one bin"):
        reliability(P, Y, bins=0)
