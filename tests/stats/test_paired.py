"""Paired comparisons, by hand and by simulation."""

from __future__ import annotations

import numpy as np
import pytest

from scorer.stats.intervals import wilson
from scorer.stats.paired import balanced_difference, holm, mcnemar, paired_difference


def test_mcnemar_by_hand() -> None:
    # One case only the first gets right, five only the second: 2 * P(at most 1 of 6 heads) = 2 * (1 + 6) / 64 = 7/32.
    first = [1, 0, 0, 0, 0, 0, 1, 1, 0]
    second = [0, 1, 1, 1, 1, 1, 1, 1, 0]
    found = mcnemar(first, second)
    assert (found.only_first, found.only_second) == (1, 5)
    assert found.p_value == pytest.approx(7 / 32)


def test_mcnemar_without_a_case_that_tells() -> None:
    assert mcnemar([1, 0], [1, 0]).p_value == 1
    assert mcnemar([], []).p_value == 1


def test_mcnemar_of_different_cases() -> None:
    with pytest.raises(ValueError, match="the same cases"):
        mcnemar([1, 0], [1])


def test_holm_by_hand() -> None:
    # Sorted 0.01 0.02 0.03 0.5 times 4 3 2 1: 0.04 0.06 0.06 0.5, none below the one before.
    assert holm([0.02, 0.5, 0.01, 0.03]) == pytest.approx([0.06, 0.5, 0.04, 0.06])
    # Sorted 0.01 0.04 times 2 1: 0.02 0.04; and 0.4 0.9 times 2 1: 0.8 0.9; 0.7 twice would pass 1.
    assert holm([0.7, 0.7]) == pytest.approx([1, 1])
    assert len(holm([])) == 0
    with pytest.raises(ValueError, match="between 0 and 1"):
        holm([1.5])


def test_difference_of_two_judges() -> None:
    rng = np.random.default_rng(0)
    base = rng.random(200)
    first, second, cluster = base < 0.8, base < 0.7, np.arange(200)
    found = paired_difference(first, cluster, second, cluster, np.random.default_rng(1))
    assert found.value == pytest.approx(first.mean() - second.mean())
    assert (found.first, found.second) == (first.mean(), second.mean())
    # Only the discordant share d moves the difference: sd = sqrt((d - d^2) / 200).
    d = (first != second).mean()
    assert found.low is not None
    assert found.high is not None
    assert found.high - found.low == pytest.approx(2 * 1.97 * np.sqrt((d - d * d) / 200), rel=0.1)


def test_runs_that_lack_some_responses() -> None:
    found = paired_difference([1, 1, 0], ["a", "b", "c"], [1, 0], ["a", "d"], np.random.default_rng(0))
    assert found.value == pytest.approx(2 / 3 - 1 / 2)
    assert found.clusters == 4


def test_no_difference_seen_is_not_none_possible() -> None:
    outcome, cluster = [1, 0, 1, 1, 0], [0, 1, 2, 3, 3]
    found = paired_difference(outcome, cluster, outcome, cluster, np.random.default_rng(0))
    unseen = wilson(0, 4)[1]
    assert (found.value, found.low, found.high) == pytest.approx((0, -unseen, unseen))


def test_one_change_alone_tells_no_direction() -> None:
    """All differ by 1; of Wilson's share u of others each could differ by -1: from (1 - u) - u = 1 - 2u to 1."""
    for clusters, sure in ((1, False), (3, False), (5, True)):
        ids, right, wrong = np.arange(clusters), np.ones(clusters), np.zeros(clusters)
        u = wilson(0, clusters)[1]
        found = paired_difference(right, ids, wrong, ids, np.random.default_rng(0))
        assert (found.value, found.low, found.high) == pytest.approx((1, 1 - 2 * u, 1))
        assert found.low is not None
        assert (found.low > 0) == sure
        other = paired_difference(wrong, ids, right, ids, np.random.default_rng(0))
        assert (other.value, other.low, other.high) == pytest.approx((-1, -1, 2 * u - 1))


def test_balanced_difference_that_all_share() -> None:
    # The first stratum's two clusters differ by 1, the second's three by 0: the mean of [1 - 2u, 1] and [-v, v].
    u, v = wilson(0, 2)[1], wilson(0, 3)[1]
    first, second = [1, 1, 0, 1, 0], [0, 0, 0, 1, 0]
    found = balanced_difference(first, second, [0, 0, 1, 1, 1], np.arange(5), np.random.default_rng(0))
    assert found.value == pytest.approx(0.5)
    assert found.clusters == 5
    assert (found.low, found.high) == pytest.approx(((1 - 2 * u - v) / 2, (1 + v) / 2))


def test_nothing_to_compare() -> None:
    found = paired_difference([], [], [1], ["a"], np.random.default_rng(0))
    assert (found.value, found.low, found.high, found.first, found.second) == (None, None, None, None, 1)


def test_a_single_cluster_tells_little() -> None:
    found = paired_difference([1, 1], [0, 0], [0, 1], [0, 0], np.random.default_rng(0))
    assert found.low is not None
    assert found.high is not None
    assert found.high - found.low > 0.7


def test_bad_input() -> None:
    with pytest.raises(ValueError, match="as many cluster ids"):
        paired_difference([1, 0], [0], [1], [0], np.random.default_rng(0))
    with pytest.raises(ValueError, match="between 0 and 1"):
        paired_difference([2], [0], [1], [0], np.random.default_rng(0))


@pytest.mark.parametrize("size", [1, 4])
def test_difference_covers(size: int) -> None:
    # Per cluster one draw u: the first is right where u < 0.8, the second where u < 0.65 or by own luck.
    rng = np.random.default_rng(4)
    hits, runs, groups = 0, 300, 80
    for _ in range(runs):
        u = rng.random(groups).repeat(size)
        first = u < 0.8
        second = np.where(rng.random(groups * size) < 0.5, u < 0.65, rng.random(groups * size) < 0.65)
        cluster = np.arange(groups).repeat(size)
        found = paired_difference(first, cluster, second, cluster, rng, resamples=600)
        assert found.low is not None
        assert found.high is not None
        hits += found.low <= 0.15 <= found.high
    assert 0.91 < hits / runs < 0.99
