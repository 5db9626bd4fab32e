"""Intervals for rates: hand-derived values, and seeded simulations of how often they cover the truth."""

from __future__ import annotations

import numpy as np
import pytest

from scorer.stats.intervals import (
    Floats,
    bootstrap_sums,
    cluster_interval,
    expanded_percentiles,
    mean_of_two,
    wilson,
)


def rate(sums: Floats) -> Floats:
    """Right over cases, columns 0 and 1."""
    result: Floats = sums[:, 0] / sums[:, 1]
    return result


def test_wilson_by_hand() -> None:
    # k = 8 of n = 10, z = 1.959964, z2 = 3.841459:
    # centre = (0.8 + 3.841459/20) / (1 + 0.3841459) = 0.99207295 / 1.3841459 = 0.716740
    # half = 1.959964 / 1.3841459 * sqrt(0.8*0.2/10 + 3.841459/400) = 1.416010 * sqrt(0.0256036) = 0.226576
    low, high = wilson(8, 10)
    assert low == pytest.approx(0.490163, abs=1e-5)
    assert high == pytest.approx(0.943316, abs=1e-5)


@pytest.mark.parametrize(("right", "expected"), [(0, (0.0, 0.277533)), (10, (0.722467, 1.0))])
def test_wilson_at_the_edge_is_not_certain(right: int, expected: tuple[float, float]) -> None:
    # k = 0 of 10: high = z2 / (n + z2) = 3.841459 / 13.841459 = 0.277533, and its mirror image for k = 10
    assert wilson(right, 10) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("n", [3, 7, 43, 44, 1000])
def test_wilson_reaches_the_edge_exactly(n: int) -> None:
    """A hair's breadth below 1 would not cover a rate of 1."""
    assert wilson(n, n)[1] == 1.0
    assert wilson(0, n)[0] == 0.0


def test_wilson_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        wilson(0, 0)


def test_mean_of_two_by_hand() -> None:
    # (0.8 + 0.6)/2 = 0.7; down = hypot(0.8-0.5, 0.6-0.2)/2 = 0.5/2; up = hypot(0.9-0.8, 0.84-0.6)/2 = 0.26/2
    assert mean_of_two(0.8, (0.5, 0.9), 0.6, (0.2, 0.84)) == pytest.approx((0.45, 0.83))


def test_bootstrap_sums_draw_whole_clusters() -> None:
    # A cluster is (1 right of 1) or (0 right of 2): its row sums to 2, so four drawn clusters always sum to 8;
    # drawn cluster by case this would not hold. On average three of the four are of the first kind.
    clusters = np.array([[1.0, 1.0]] * 3 + [[0.0, 2.0]])
    sums = bootstrap_sums(clusters, np.random.default_rng(0), resamples=500)
    assert sums.shape == (500, 2)
    assert (sums.sum(axis=1) == 8).all()
    assert sums[:, 0].mean() == pytest.approx(3.0, abs=0.15)


def test_bootstrap_is_the_same_for_a_seed_and_for_any_order_of_clusters() -> None:
    clusters = np.random.default_rng(5).integers(0, 3, size=(50, 2)).astype(float) + np.array([0.0, 3.0])
    first = bootstrap_sums(clusters, np.random.default_rng(1))
    again = bootstrap_sums(clusters[::-1], np.random.default_rng(1))
    assert (first == again).all()


def test_expanded_percentiles_are_wider_for_few_clusters() -> None:
    values = np.random.default_rng(0).normal(0.5, 0.05, 20000)
    few = expanded_percentiles(values, 5)
    many = expanded_percentiles(values, 5000)
    assert few[0] < many[0] < many[1] < few[1]
    # 5 clusters: t(0.975, 4) = 2.776, sqrt(5/4) * 2.776 = 3.104 standard deviations instead of 1.96
    assert many[1] == pytest.approx(0.5 + 1.96 * 0.05, abs=0.003)
    assert few[1] == pytest.approx(0.5 + 3.104 * 0.05, abs=0.02)


def test_values_that_are_not_finite_are_left_out() -> None:
    values = np.array([np.nan, np.inf, *np.linspace(0, 1, 1001)])
    low, high = expanded_percentiles(values, 10_000)
    assert (low, high) == pytest.approx((0.025, 0.975), abs=1e-3)
    with pytest.raises(ValueError, match="two clusters"):
        expanded_percentiles(np.array([np.nan]), 10)


def test_agreeing_clusters_are_not_certainty() -> None:
    clusters = np.array([[3.0, 3.0]] * 10)
    interval = cluster_interval(clusters, rate, 0.95, bootstrap_sums(clusters, np.random.default_rng(0)))
    assert interval == wilson(10, 10)  # ten independent observations, not thirty


def test_one_cluster_is_one_observation() -> None:
    assert cluster_interval(np.array([[3.0, 4.0]]), rate, 0.95, None) == wilson(0.75, 1)


def simulate_clusters(rng: np.random.Generator, n: int, p: float, spread: float) -> Floats:
    """Clusters of 1 to 6 cases whose own rate varies around p: beta with the given intra-cluster correlation."""
    sizes = rng.integers(1, 7, size=n)
    a = p * (1 - spread) / spread
    rates = rng.beta(a, a * (1 - p) / p, size=n)
    return np.column_stack([rng.binomial(sizes, rates), sizes]).astype(float)


@pytest.mark.parametrize(("n", "p", "spread"), [(25, 0.7, 0.3), (50, 0.6, 0.5), (150, 0.85, 0.3), (300, 0.95, 0.2)])
def test_cluster_interval_covers_the_truth(n: int, p: float, spread: float) -> None:
    """95 % intervals cover in 92 to 98 of 100 worlds, as far as 1,000 worlds can tell."""
    rng = np.random.default_rng(20)
    covered = 0
    for _ in range(1000):
        clusters = simulate_clusters(rng, n, p, spread)
        low, high = cluster_interval(clusters, rate, 0.95, bootstrap_sums(clusters, rng, 1000))
        covered += low <= p <= high
    assert 920 <= covered <= 980


def test_ignoring_the_clusters_would_not_cover() -> None:
    """The check that the simulation can fail: Wilson on all cases is far too narrow where clusters agree."""
    rng = np.random.default_rng(20)
    covered = 0
    for _ in range(500):
        clusters = simulate_clusters(rng, 50, 0.6, 0.5)
        low, high = wilson(clusters[:, 0].sum(), clusters[:, 1].sum())
        covered += low <= 0.6 <= high
    assert covered < 440


@pytest.mark.parametrize("p", [0.3, 0.9])
def test_wilson_covers_the_truth_where_cases_are_independent(p: float) -> None:
    rng = np.random.default_rng(3)
    right = rng.binomial(40, p, size=4000)
    limits = {int(k): wilson(int(k), 40) for k in set(right.tolist())}
    covered = np.mean([limits[int(k)][0] <= p <= limits[int(k)][1] for k in right])
    assert 0.92 <= covered <= 0.98
