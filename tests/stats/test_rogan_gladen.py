"""Rogan-Gladen: by hand, its limits where nothing can be said, and coverage."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from scorer.stats.rogan_gladen import RoganGladen, lang_reiczigel, rogan_gladen

NAN = math.nan


def _found(truth: list[float], judged: list[float], **options: object) -> RoganGladen:
    return rogan_gladen(truth, judged, np.random.default_rng(0), **options)  # type: ignore[arg-type]


# 40 labelled: of 20 true 18 judged so (sensitivity 0.9), of 20 false 16 cleared (specificity 0.8); 60 more, of which 38
# are judged true: 18 + 4 + 38 = 60 of 100 in all.
TRUTH = [1.0] * 20 + [0.0] * 20 + [NAN] * 60
JUDGED = [1.0] * 18 + [0.0] * 2 + [1.0] * 4 + [0.0] * 16 + [1.0] * 38 + [0.0] * 22


def test_value_by_hand() -> None:
    # (0.6 + 0.8 - 1) / (0.9 + 0.8 - 1) = 0.4 / 0.7
    found = _found(TRUTH, JUDGED)
    assert (found.judged_rate, found.sensitivity, found.specificity) == pytest.approx((0.6, 0.9, 0.8))
    assert found.value == pytest.approx(4 / 7)
    assert (found.n, found.n_labels, found.reason) == (100, 40, None)
    assert found.low is not None
    assert found.high is not None
    assert found.low < 4 / 7 < found.high


def test_weights_by_hand() -> None:
    # The two missed and the four false alarms stand for twice as many: sensitivity 18/22, specificity 16/24.
    # (0.6 + 2/3 - 1) / (9/11 + 2/3 - 1) = (4/15) / (16/33) = 0.55
    probability = [0.5] * 18 + [0.25] * 2 + [0.25] * 4 + [0.5] * 16 + [NAN] * 60
    found = _found(TRUTH, JUDGED, probability=probability)
    assert (found.sensitivity, found.specificity) == pytest.approx((9 / 11, 2 / 3))
    assert found.value == pytest.approx(0.55)


def test_lang_reiczigel_by_hand() -> None:
    # z^2 = 4 (level 0.9545): rate (60 + 2) / 104, sensitivity (18 + 1) / 22, specificity (16 + 1) / 22.
    # P = (62/104 + 17/22 - 1) / (36/22 - 1) = 0.36888 / 0.63636 = 0.57967; variances 0.0023149 (rate), 0.0053531 and
    # 0.0079827: spread sqrt(0.0023149 + 0.33602 * 0.0053531 + 0.17668 * 0.0079827) / 0.63636 = 0.11679;
    # shift 8 (0.57967 * 0.0053531 - 0.42033 * 0.0079827) = -0.0020190.
    level = float(2 * stats.norm.cdf(2) - 1)
    low, high = lang_reiczigel(0.6, 100, 0.9, 20, 0.8, 20, level)
    assert (low + high) / 2 == pytest.approx(0.57967 - 0.0020190, abs=2e-5)
    assert (high - low) / 4 == pytest.approx(0.11679, abs=2e-5)


def test_clipped_to_a_rate() -> None:
    # Judged rate 10 %: (0.1 + 0.8 - 1) / 0.7 is below 0.
    judged = JUDGED[:40] + [0.0] * 160
    found = _found(TRUTH[:40] + [NAN] * 160, judged)
    assert found.value == 0
    assert found.low == pytest.approx(0)
    assert found.high is not None
    assert found.high > 0


def test_a_judge_no_better_than_chance_gives_nothing() -> None:
    coin = _found([1.0] * 10 + [0.0] * 10 + [NAN] * 20, [1.0, 0.0] * 20)
    assert (coin.value, coin.low, coin.high) == (None, None, None)
    assert coin.reason is not None
    assert "chance" in coin.reason
    # Sensitivity 0.6 and specificity 0.6 on ten each: above chance, but not beyond doubt.
    doubtful = _found([1.0] * 10 + [0.0] * 10, [1.0] * 6 + [0.0] * 4 + [1.0] * 4 + [0.0] * 6)
    assert doubtful.value is None
    assert doubtful.sensitivity == pytest.approx(0.6)


def test_labels_of_one_class_only() -> None:
    found = _found([1.0] * 5 + [NAN] * 5, [1.0] * 10)
    assert (found.value, found.judged_rate, found.reason) == (None, 1, "no labels of both classes")
    assert _found([], []).judged_rate is None


def test_a_judge_without_a_seen_error_is_not_taken_for_perfect() -> None:
    truth, judged = [1.0] * 20 + [0.0] * 20 + [NAN] * 960, [1.0] * 20 + [0.0] * 20 + [1.0] * 480 + [0.0] * 480
    found = _found(truth, judged)
    assert found.low is not None
    assert found.high is not None
    # Were the judge perfect, 1000 responses would give half a width of 0.031.
    assert found.high - found.low > 0.12
    clustered = _found(truth, judged, cluster=[i // 4 for i in range(1000)])
    assert clustered.low is not None
    assert clustered.high is not None
    assert clustered.high - clustered.low > found.high - found.low


def test_labels_and_words_that_are_no_classes() -> None:
    with pytest.raises(ValueError, match="0 or 1"):
        _found([0.5, 1.0], [1.0, 0.0])
    with pytest.raises(ValueError, match="0 or 1"):
        _found([1.0, 0.0], [0.7, 0.0])


@pytest.mark.parametrize("size", [1, 4])
@pytest.mark.parametrize("accuracy", [0.95, 0.8])
def test_intervals_cover(accuracy: float, size: int) -> None:
    rng = np.random.default_rng([5, size, round(100 * accuracy)])
    hits, runs, n = 0, 250, 600
    cluster = np.arange(n) // size
    for _ in range(runs):
        p = rng.beta(0.6 * 4, 0.4 * 4, n)[cluster] if size > 1 else np.full(n, 0.6)
        y = (rng.random(n) < p).astype(float)
        f = np.where(rng.random(n) < accuracy, y, 1 - y)
        truth = np.full(n, NAN)
        drawn = rng.choice(n, 100, replace=False)
        truth[drawn] = y[drawn]
        found = rogan_gladen(truth, f, rng, cluster=cluster, resamples=500)
        assert found.low is not None
        assert found.high is not None
        hits += found.low <= 0.6 <= found.high
    assert 0.92 <= hits / runs <= 0.985


def test_intervals_cover_where_slices_have_equal_shares() -> None:
    rng = np.random.default_rng(6)
    hits, runs, small = 0, 300, np.arange(1000) < 100
    probability = np.where(small, 0.5, 50 / 900)
    for _ in range(runs):
        y = (rng.random(1000) < 0.95).astype(float)
        f = np.where(rng.random(1000) < 0.97, y, 1 - y)
        truth = np.full(1000, NAN)
        for part in (small, ~small):
            drawn = rng.choice(np.flatnonzero(part), 50, replace=False)
            truth[drawn] = y[drawn]
        found = rogan_gladen(truth, f, rng, probability=probability, resamples=500)
        hits += found.low is None or found.high is None or found.low <= 0.95 <= found.high
    # Ten true labels of little weight and one of much do not tell as much as eleven.
    assert hits / runs >= 0.92
