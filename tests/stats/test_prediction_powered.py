"""Prediction-powered rates: by hand, equal to ppi_py where the two overlap, and covering what they should."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import ppi_py
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from scorer.stats.cross_fitting import cross_fitted
from scorer.stats.prediction_powered import FEWEST_CLUSTERS, Corrected, Limits, corrected_rate, safety_rates

Floats = NDArray[np.float64]
NAN = math.nan

# Ten labelled: judged 1 1 1 1 1 1 0 0 0 0, truth 1 1 1 1 1 0 1 0 0 0; ten more, of which eight are judged 1.
TRUTH = [1.0] * 5 + [0.0, 1.0] + [0.0] * 3 + [NAN] * 10
JUDGED = [1.0] * 6 + [0.0] * 4 + [1.0] * 8 + [0.0] * 2


def _limits(found: Corrected | Limits) -> tuple[float, float]:
    assert found.low is not None
    assert found.high is not None
    return found.low, found.high


def _width(found: Corrected | Limits) -> float:
    low, high = _limits(found)
    return high - low


def test_value_and_wald_interval_by_hand() -> None:
    # Value 0.6 + 0.5 (0.8 - 0.6) = 0.7. Residuals truth - judged / 2: 0.5 five times, -0.5, 1, 0 three times, mean 0.3,
    # squares about it 5 * 0.04 + 0.64 + 0.49 + 3 * 0.09 = 1.6: variance 1.6 / 10^2 = 0.016. The rest: 0.25 * 0.16 / 10
    # = 0.004. Half width 1.959964 * sqrt(0.02) = 0.277181.
    found = corrected_rate(TRUTH, JUDGED, power=0.5, form="wald")
    assert found.value == pytest.approx(0.7)
    assert _limits(found) == pytest.approx((0.7 - 0.277181, 0.7 + 0.277181), abs=1e-6)
    assert (found.n, found.n_labels, found.n_clusters, found.reason) == (20, 10, 10, None)
    # Labels alone: 0.6 with variance 0.24 / 10. Effective labels 10 * 0.024 / 0.02.
    assert found.labels_only.value == pytest.approx(0.6)
    assert _width(found.labels_only) == pytest.approx(2 * 1.959964 * math.sqrt(0.024))
    assert found.effective_labels == pytest.approx(12)


def test_power_by_hand() -> None:
    # Covariance 5/10 - 0.6^2 = 0.14; variance of the 20 judged (14 ones) 0.21 * 20/19. As many rest as are labelled:
    # 0.14 / (2 * 0.21 * 20/19) = 19/60.
    assert corrected_rate(TRUTH, JUDGED).power == pytest.approx(19 / 60)


def test_finite_target_by_hand() -> None:
    # The mean of judged over all 20 is fixed: 0.6 + b (0.7 - 0.6) with b = 0.5 / (1 - 1/2) = 1. Residuals truth - b *
    # judged are 0 but for a 1 and a -1: variance 2 / 10^2, and half of it as half of the responses are labelled.
    found = corrected_rate(TRUTH, JUDGED, power=0.5, form="wald", target="finite")
    assert found.value == pytest.approx(0.7)
    assert _width(found) == pytest.approx(2 * 1.959964 * math.sqrt(0.01))


def test_everything_labelled() -> None:
    truth = [1.0, 0.0] * 10
    finite = corrected_rate(truth, [1.0] * 20, target="finite")
    assert (finite.value, *_limits(finite)) == (0.5, 0.5, 0.5)
    assert finite.effective_labels is None
    wide = corrected_rate(truth, [1.0] * 20)
    assert (wide.value, wide.power) == (0.5, 0)
    assert wide.effective_labels == pytest.approx(20)
    assert _width(wide) > 0.3


def test_weights_by_hand() -> None:
    # Five true labels drawn with probability 1/2 and five false ones with 1/4 stand for 10 and 20: rate 1/3, judged 1/3
    # too (5 * 2 / 30). All 40 are judged 0.5 on average (20 ones): 1/3 + 0.6 * 40/30 * (1/2 - 1/3) = 7/15.
    truth = [1.0] * 5 + [0.0] * 5 + [NAN] * 30
    judged = [1.0] * 5 + [0.0] * 5 + [1.0] * 15 + [0.0] * 15
    probability = [0.5] * 5 + [0.25] * 5 + [NAN] * 30
    found = corrected_rate(truth, judged, probability=probability, power=0.6)
    assert found.labels_only.value == pytest.approx(1 / 3)
    assert found.value == pytest.approx(7 / 15)


def test_weighted_variance_by_hand() -> None:
    # Labels alone, shares 2/30 and 4/30: 5 (2/30 * 2/3)^2 + 5 (4/30 * 1/3)^2 = 10 (4/90)^2 = 16/810.
    truth, judged = [1.0] * 5 + [0.0] * 5 + [NAN] * 30, [0.0] * 40
    found = corrected_rate(truth, judged, probability=[0.5] * 5 + [0.25] * 5 + [NAN] * 30, form="wald")
    assert _width(found.labels_only) == pytest.approx(2 * 1.959964 * math.sqrt(16 / 810))


def test_copies_in_a_cluster_tell_nothing_new() -> None:
    once = corrected_rate(TRUTH, JUDGED, power=0.5, form="wald")
    twice = corrected_rate(TRUTH * 2, JUDGED * 2, cluster=list(range(20)) * 2, power=0.5, form="wald")
    assert (twice.value, *_limits(twice)) == pytest.approx((once.value, *_limits(once)))
    apart = corrected_rate(TRUTH * 2, JUDGED * 2, power=0.5, form="wald")
    assert _width(apart) == pytest.approx(_width(once) / math.sqrt(2))


@pytest.mark.parametrize("graded", [False, True])
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_equal_to_ppi_py(graded: bool, level: float) -> None:
    rng = np.random.default_rng(0)
    y = (rng.random(700) < 0.7).astype(float)
    f = np.where(rng.random(700) < 0.85, y, 1 - y)
    f = np.clip(0.6 * f + 0.4 * rng.random(700), 0, 1) if graded else f
    truth = np.where(np.arange(700) < 90, y, NAN)
    found = corrected_rate(truth, f, form="wald", level=level)
    theirs = ppi_py.ppi_mean_ci(y[:90], f[:90], f[90:], alpha=1 - level)
    assert found.value == pytest.approx(float(ppi_py.ppi_mean_pointestimate(y[:90], f[:90], f[90:])[0]), rel=1e-12)
    assert _limits(found) == pytest.approx((theirs[0][0], theirs[1][0]), rel=1e-12)
    classical = ppi_py.ppi_mean_ci(y[:90], f[:90], f[90:], alpha=1 - level, lam=0)
    assert _limits(found.labels_only) == pytest.approx((classical[0][0], classical[1][0]), rel=1e-12)


def test_a_useless_judge_is_not_used_and_a_good_one_saves_labels() -> None:
    rng = np.random.default_rng(1)
    y = (rng.random(2000) < 0.6).astype(float)
    truth = np.where(np.arange(2000) < 100, y, NAN)
    coin = corrected_rate(truth, (rng.random(2000) < 0.5).astype(float))
    good = corrected_rate(truth, np.where(rng.random(2000) < 0.95, y, 1 - y))
    assert coin.power is not None
    assert coin.power < 0.2
    assert coin.effective_labels == pytest.approx(100, rel=0.1)
    assert good.power is not None
    assert good.power > 0.7
    assert good.effective_labels is not None
    assert good.effective_labels > 250


def test_a_constant_judge_and_all_labels_equal() -> None:
    truth = np.where(np.arange(50) < 20, 1.0, NAN)
    found = corrected_rate(truth, np.full(50, 0.4))
    # No error seen in 20 labels: Wilson on 20, a little wider for Student's quantile.
    assert (found.value, found.power) == (1, 0)
    low, high = _limits(found)
    assert 0.75 < low < 0.84
    assert high == pytest.approx(1)


def test_a_judge_without_a_seen_error_is_not_taken_for_perfect() -> None:
    y = np.tile([1.0, 0.0], 5000)
    found = corrected_rate(np.where(np.arange(10_000) < 100, y, NAN), y)
    assert found.power == pytest.approx(0.99, abs=0.01)
    # An error rate of 3 % would go unseen in 100 labels one time in twenty.
    assert 0.02 < _width(found) < 0.08


def test_an_estimate_past_the_end_is_kept_inside() -> None:
    truth = [1.0] * 19 + [0.0] + [NAN] * 200
    judged = [1.0] * 12 + [0.0] * 8 + [1.0] * 200
    plain, kept = (corrected_rate(truth, judged, power=1.0, form=form) for form in ("wald", "wilson"))
    assert plain.value is not None
    assert plain.value > 1
    assert kept.value == 1
    low, high = _limits(kept)
    assert 0.5 < low < 0.95
    assert high == pytest.approx(1)


def test_too_few_labels_say_so() -> None:
    truth = [1.0, 0.0, 1.0, 1.0, 0.0] + [NAN] * 20
    found = corrected_rate(truth, [1.0] * 25)
    assert (found.value, found.low, found.effective_labels) == (None, None, None)
    assert found.reason == f"labels in 5 clusters where {FEWEST_CLUSTERS} are needed"
    assert found.labels_only.value == pytest.approx(0.6)
    none = corrected_rate([NAN] * 4, [1.0] * 4)
    assert (none.value, none.labels_only.value, none.n, none.n_labels) == (None, None, 4, 0)
    assert corrected_rate([], []).reason is not None


def test_only_the_responses_that_count() -> None:
    where = np.arange(40) < 20
    found = corrected_rate(TRUTH + [0.0] * 20, JUDGED + [1.0] * 20, where=where)
    assert found == corrected_rate(TRUTH, JUDGED)


def test_safety_rates_are_those_of_their_items() -> None:
    right, judged = np.array(TRUTH + TRUTH[::-1]), np.array(JUDGED + [1 - x for x in JUDGED])
    safe = np.arange(40) < 20
    found = safety_rates(right, judged, safe)
    assert found["SRAs"] == corrected_rate(TRUTH, JUDGED)
    assert found["SRAu"] == corrected_rate(right, judged, where=~safe)
    assert found["SRAa"] == corrected_rate(right, judged)
    s, u, balanced = found["SRAs"].value, found["SRAu"].value, found["SRA_balanced"]
    assert s is not None
    assert u is not None
    assert balanced.value == pytest.approx((s + u) / 2)
    # Independent halves: half the root of the summed squares, up to the adjustments for few labels.
    expected = math.hypot(_width(found["SRAs"]), _width(found["SRAu"])) / 2
    assert _width(balanced) == pytest.approx(expected, rel=0.15)


def test_balanced_rate_knows_shared_clusters() -> None:
    rng = np.random.default_rng(2)
    y = (rng.random(300) < 0.6).astype(float)
    pairs, f = np.tile(np.arange(300), 2), np.tile(np.where(rng.random(300) < 0.8, y, 1 - y), 2)
    truth, safe = np.where(np.tile(np.arange(300), 2) < 60, np.tile(y, 2), NAN), np.arange(600) < 300
    together = safety_rates(truth, f, safe, cluster=pairs)["SRA_balanced"]
    apart = safety_rates(truth, f, safe)["SRA_balanced"]
    assert _width(together) / _width(apart) == pytest.approx(math.sqrt(2), rel=0.05)
    one = np.where(safe, truth, 1 - truth)
    against = safety_rates(one, np.where(safe, f, 1 - f), safe, cluster=pairs)["SRA_balanced"]
    # Twins that are never both right: the mean of the two rates is 1/2 whatever the responses, as far as labels tell.
    assert against.value == pytest.approx(0.5)
    assert _width(against) < 0.4 * _width(apart)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: corrected_rate([1.0], [1.0, 0.0]), "equally long"),
        (lambda: corrected_rate([2.0], [1.0]), "between 0 and 1"),
        (lambda: corrected_rate([1.0], [NAN]), "between 0 and 1"),
        (lambda: corrected_rate([1.0], [1.0], probability=[0.0]), "sampling probability"),
        (lambda: corrected_rate([1.0], [1.0], probability=[NAN]), "sampling probability"),
        (lambda: corrected_rate([1.0], [1.0], where=[True, False]), "mask of shape"),
    ],
)
def test_arrays_that_do_not_fit(call: Callable[[], object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        call()


def _run(
    rng: np.random.Generator, rate: float, accuracy: float, size: int, n: int = 1000
) -> tuple[Floats, Floats, NDArray[np.intp]]:
    """A run whose clusters of `size` share their rate and the judge's error rate (intraclass correlation 0.3)."""
    cluster = np.arange(n) // size
    error = 1 - accuracy
    p, e = np.full(n, rate), np.full(n, error)
    if size > 1:
        spread = (1 - 0.3) / 0.3
        p = rng.beta(rate * spread, (1 - rate) * spread, n // size)[cluster]
        e = rng.beta(error * spread, (1 - error) * spread, n // size)[cluster]
    y = (rng.random(n) < p).astype(float)
    coin = (rng.random(n) < 0.5).astype(float)
    return y, coin if accuracy == 0.5 else np.where(rng.random(n) < e, 1 - y, y), cluster


@pytest.mark.parametrize("size", [1, 5])
@pytest.mark.parametrize("accuracy", [0.95, 0.8, 0.5])
def test_intervals_cover_with_100_labels(accuracy: float, size: int) -> None:
    rng = np.random.default_rng([7, size, round(100 * accuracy)])
    runs, rates = 400, (0.3, 0.5, 0.8, 0.9, 0.95)
    covered = []
    for rate in rates:
        hits = 0
        for _ in range(runs):
            y, f, cluster = _run(rng, rate, accuracy, size)
            truth = np.full(len(y), NAN)
            drawn = rng.choice(len(y), 100, replace=False)
            truth[drawn] = y[drawn]
            low, high = _limits(corrected_rate(truth, f, cluster=cluster))
            hits += low <= rate <= high
        covered.append(hits / runs)
    # 2000 runs have a standard error of 0.5 %, the 400 of one rate 1.1 %.
    assert 0.94 <= np.mean(covered) <= 0.97, covered
    assert min(covered) >= 0.92, covered
    assert max(covered) <= 0.99, covered


@pytest.mark.parametrize("accuracy", [0.95, 0.8, 0.5])
def test_finite_intervals_cover_the_run(accuracy: float) -> None:
    rng = np.random.default_rng([8, round(100 * accuracy)])
    hits, runs = 0, 600
    for i in range(runs):
        y, f, _ = _run(rng, (0.5, 0.8, 0.9)[i % 3], accuracy, 1, n=300)
        truth = np.full(len(y), NAN)
        drawn = rng.choice(len(y), 100, replace=False)
        truth[drawn] = y[drawn]
        low, high = _limits(corrected_rate(truth, f, target="finite"))
        hits += low <= y.mean() <= high
    assert 0.93 <= hits / runs <= 0.975


def test_unequal_sampling_is_undone() -> None:
    rng = np.random.default_rng(9)
    runs, values, alone, hits = 300, [], [], 0
    for _ in range(runs):
        y, hit, _ = _run(rng, 0.7, 0.8, 1)
        f = np.clip(0.25 + 0.5 * hit + 0.25 * (rng.random(len(y)) - 0.5), 0, 1)
        probability = np.clip(0.16 - 0.14 * f, 0.02, 1)
        truth = np.where(rng.random(len(y)) < probability, y, NAN)
        found = corrected_rate(truth, f, probability=probability)
        assert found.value is not None
        low, high = _limits(found)
        values.append(found.value)
        alone.append(np.nanmean(truth))
        hits += low <= 0.7 <= high
    # Labels drawn where the judge doubts are no fair sample; their weights make them one.
    assert np.mean(alone) < 0.65
    assert np.mean(values) == pytest.approx(0.7, abs=0.01)
    assert 0.92 <= hits / runs <= 0.98


@pytest.mark.parametrize("accuracy", [0.95, 0.8, 0.5])
def test_intervals_cover_where_slices_have_equal_shares(accuracy: float) -> None:
    rng = np.random.default_rng([11, round(100 * accuracy)])
    runs, rates, small = 400, (0.5, 0.9, 0.95, 0.98), np.arange(1000) < 100
    probability = np.where(small, 0.5, 50 / 900)
    covered, alone = [], []
    for rate in rates:
        hits = []
        for _ in range(runs):
            y, f, _ = _run(rng, rate, accuracy, 1)
            truth = np.full(len(y), NAN)
            for part in (small, ~small):
                drawn = rng.choice(np.flatnonzero(part), 50, replace=False)
                truth[drawn] = y[drawn]
            found = corrected_rate(truth, f, probability=probability)
            hits.append([low <= rate <= high for low, high in (_limits(found), _limits(found.labels_only))])
        both = np.mean(hits, axis=0)
        covered.append(both[0])
        alone.append(both[1])
    # Labels of the small slice have a ninth of the others' weight and, at 0.98, often the only error.
    assert min(*covered, *alone) >= 0.92, (covered, alone)
    assert max(*covered, *alone) <= 0.995, (covered, alone)


def test_cross_fitting_keeps_a_clusters_labels_from_its_own_prediction() -> None:
    rng = np.random.default_rng(10)
    cluster = np.repeat(np.arange(30), 4)
    p = rng.random(120)
    y = (rng.random(120) < p).astype(float)
    truth = np.where(cluster < 20, y, NAN)
    model = LogisticRegression()
    before = cross_fitted(model, p, truth, cluster, np.random.default_rng(0))
    for k in (0, 7, 19):
        turned = np.where(cluster == k, 1 - truth, truth)
        after = cross_fitted(model, p, turned, cluster, np.random.default_rng(0))
        assert np.array_equal(after[cluster == k], before[cluster == k])
        assert not np.allclose(after[cluster != k], before[cluster != k])


def test_cross_fitting_of_unlabelled_clusters_is_the_mean_of_the_folds() -> None:
    # Two folds of one cluster each. Labels 0 1 at p 0.2 0.8 in both: both folds fit alike, and so does their mean.
    p, truth = [0.2, 0.8, 0.2, 0.8, 0.2, 0.8], [0.0, 1.0, 0.0, 1.0, NAN, NAN]
    out = cross_fitted(LogisticRegression(), p, truth, [0, 0, 1, 1, 2, 2], np.random.default_rng(0))
    assert out[:2] == pytest.approx(out[4:])
    assert out[2:4] == pytest.approx(out[4:])


def test_cross_fitting_where_nothing_can_be_fitted() -> None:
    out = cross_fitted(LogisticRegression(), [0.2, 0.8, 0.5], [1.0, 1.0, NAN], [0, 1, 2], np.random.default_rng(0))
    assert out == pytest.approx([0.2, 0.8, 0.5])
    with pytest.raises(ValueError, match="at least two clusters"):
        cross_fitted(LogisticRegression(), [0.2, 0.8], [1.0, 0.0], [0, 0], np.random.default_rng(0))
