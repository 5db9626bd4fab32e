"""Certification: hand-derived tests of regions, and worlds in which what is certified must hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from scipy.stats import binom

from scorer.stats.certification import (
    STEPS,
    certify,
    fewest_labels,
    independent,
    labels_needed,
    lower_bound,
    tail_p_value,
    thresholds,
)


@pytest.mark.parametrize(
    ("target", "level", "fewest"),
    [
        (0.95, 0.95, 59),  # 0.95^58 = 0.0510, 0.95^59 = 0.0485
        (0.97, 0.95, 99),  # 0.97^98 = 0.0505, 0.97^99 = 0.0490
        (0.99, 0.95, 299),  # 0.99^298 = 0.0500, above 0.05 in the fifth decimal
        (0.9, 0.9, 22),  # 0.9^21 = 0.1094, 0.9^22 = 0.0985
        (0.5, 0.75, 2),  # 0.5^2 = 0.25 exactly
        (0.5, 0.4, 1),
    ],
)
def test_fewest_labels_by_hand(target: float, level: float, fewest: int) -> None:
    assert fewest_labels(target, level) == fewest
    assert tail_p_value(fewest, fewest, target) <= 1 - level < tail_p_value(fewest - 1, fewest - 1, target)


def test_the_p_value_is_the_binomial_tail_by_hand() -> None:
    # 2 or 3 heads of 3 with chance 1/2: 3/8 + 1/8
    assert tail_p_value(2, 3, 0.5) == pytest.approx(0.5)
    # 9 or 10 of 10 with chance 0.8: 10 * 0.8^9 * 0.2 + 0.8^10 = 0.268435 + 0.107374
    assert tail_p_value(9, 10, 0.8) == pytest.approx(0.375810, abs=1e-6)
    assert tail_p_value(0, 5, 0.3) == 1
    for n, k, p in ((30, 25, 0.7), (400, 393, 0.97), (5, 5, 0.01)):
        assert tail_p_value(k, n, p) == pytest.approx(binom.sf(k - 1, n, p), rel=1e-9)


def test_the_lower_bound_is_where_the_test_turns() -> None:
    # all of n agree: the bound is 0.05^(1/n); for n = 59 that is 0.95049, for n = 10 it is 0.74113
    assert lower_bound(59, 59, 0.95) == pytest.approx(0.950492, abs=1e-6)
    assert lower_bound(10, 10, 0.95) == pytest.approx(0.741134, abs=1e-6)
    assert lower_bound(0, 10, 0.95) == 0
    for k, n in ((95, 100), (3, 7), (400, 401)):
        assert tail_p_value(k, n, lower_bound(k, n, 0.95)) == pytest.approx(0.05)


def test_labels_needed_by_hand() -> None:
    # all agree: as many as `fewest_labels`; at 99 % none of the first 99 labels may be missing, from 100 on one is
    assert labels_needed(1.0, 0.95, 0.95) == 59
    needed = labels_needed(0.99, 0.95, 0.95)
    assert needed is not None
    assert binom.sf(int(0.99 * needed) - 1, needed, 0.95) <= 0.05
    assert all(binom.sf(int(0.99 * n + 1e-9) - 1, n, 0.95) > 0.05 for n in range(1, needed))
    assert labels_needed(0.95, 0.95, 0.95) is None
    assert labels_needed(0.5, 0.95, 0.95) is None


def test_thresholds_are_quantiles_that_stand_among_the_values() -> None:
    confidence = 0.5 + np.arange(100) / 200  # 0.500, 0.505, ..., 0.995
    found = thresholds(confidence, steps=4)
    # the upper quarter, half, three quarters of 100 values begin at their 75th, 50th, 25th and 0th
    assert found.tolist() == pytest.approx([confidence[74], confidence[49], confidence[24], 0.5])
    assert [(confidence >= t).mean() for t in found] == pytest.approx([0.26, 0.51, 0.76, 1.0])
    assert thresholds(np.full(10, 0.9)).tolist() == [0.9]
    assert len(thresholds(np.linspace(0.5, 1, 1000))) == STEPS


def world_of_two(labels: int, wrong_sure: int, wrong_unsure: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Verdicts half of confidence 0.9, half of 0.6, and `labels` labels in each half."""
    confidence = np.repeat([0.9, 0.6], 500)
    labelled = np.repeat([0.9, 0.6], labels)
    agrees = np.r_[np.arange(labels) >= wrong_sure, np.arange(labels) >= wrong_unsure]
    return confidence, labelled, agrees


def test_the_narrow_region_passes_and_the_wide_one_fails_by_hand() -> None:
    # 59 of 59 pass at 95 %; all 118 with 9 wrong do not: P(at least 109 of 118 at 0.95) = 0.92
    found = certify(*world_of_two(59, 0, 9), target=0.95, level=0.95)
    assert [(t.threshold, t.share, t.n, t.agreements, t.passed) for t in found.tested] == [
        (0.9, 0.5, 59, 59, True),
        (0.6, 1.0, 118, 109, False),
    ]
    assert found.region == found.tested[0]
    assert found.tested[0].p_value == pytest.approx(0.95**59)
    assert found.tested[1].p_value == pytest.approx(binom.sf(108, 118, 0.95))


def test_nothing_is_tested_after_the_first_failure() -> None:
    # One wrong of 59 fails (p = 0.2); the wide region with 1 wrong of 118 would pass, but is never asked.
    found = certify(*world_of_two(59, 1, 0), target=0.95, level=0.95)
    assert binom.sf(116, 118, 0.95) < 0.05
    assert [(t.n, t.passed) for t in found.tested] == [(59, False)]
    assert found.region is None


def test_the_first_region_leaves_room_for_disagreements_where_labels_abound() -> None:
    # Target 0.95: 59 labels at least, 177 at best. Ten steps of 60 labels, the most confident all in agreement.
    confidence = np.repeat(np.linspace(0.95, 0.5, 10), 60)
    # Half of 600, 300, 240, 180, 120 and 60 labels: 177 of 300, 150, 120, 90, 60 and (no fewer than) 59 of 30 start.
    for steps, first in ((10, 180), (5, 180), (4, 120), (3, 120), (2, 60), (1, 60)):
        labelled = confidence[: 60 * steps]
        found = certify(confidence, labelled, np.ones(len(labelled)), target=0.95, level=0.95)
        assert found.tested[0].n == first
    # 3 of 177 may disagree, 4 may not
    assert tail_p_value(174, 177, 0.95) <= 0.05 < tail_p_value(173, 177, 0.95)


def test_the_first_region_tested_depends_on_places_alone() -> None:
    # 58 labels cannot pass whatever they say, so the order begins with the next region, even with all of them wrong.
    for wrong in (0, 58):
        found = certify(*world_of_two(58, wrong, wrong), target=0.95, level=0.95)
        assert [t.n for t in found.tested] == [116]
    assert certify(*world_of_two(58, 0, 0), target=0.95, level=0.95).region is not None


def test_too_few_labels_certify_nothing_and_say_how_many_it_takes() -> None:
    found = certify(*world_of_two(29, 0, 0), target=0.95, level=0.95)
    assert (found.region, found.tested, found.fewest) == (None, (), 59)
    assert certify([0.7], [], [], target=0.95, level=0.95).tested == ()


@pytest.mark.parametrize(
    ("confidence", "labelled", "agrees", "target", "level"),
    [([], [], [], 0.9, 0.9), ([0.9], [0.9], [], 0.9, 0.9), ([0.9], [], [], 1.0, 0.9), ([0.9], [], [], 0.9, 0.0)],
)
def test_what_cannot_be_certified_is_refused(confidence, labelled, agrees, target: float, level: float) -> None:
    with pytest.raises(ValueError, match="certifying needs"):
        certify(confidence, labelled, agrees, target=target, level=level)


def test_one_label_per_group_each_with_the_same_chance() -> None:
    cluster = np.array(["a", "a", "a", "b", "b", "c"])
    rng = np.random.default_rng(0)
    counts = np.zeros(6)
    for _ in range(6000):
        kept = independent(cluster, None, rng)
        assert kept.thinned == 6
        assert sorted(cluster[kept.rows]) == ["a", "b", "c"]
        counts[kept.rows] += 1
    # standard error of a share: sqrt(p (1 - p) / 6000) < 0.0065
    assert counts / 6000 == pytest.approx([1 / 3, 1 / 3, 1 / 3, 1 / 2, 1 / 2, 1], abs=0.026)


def test_thinning_leaves_every_response_one_chance() -> None:
    # drawn with chance p, kept with 0.1 / p: each stays with chance 0.1, whatever p was
    probability = np.array([0.1, 0.2, 0.5, 1.0])
    rng = np.random.default_rng(0)
    stayed = np.zeros(4)
    for _ in range(20_000):
        drawn = np.flatnonzero(rng.random(4) < probability)
        if 0 in drawn:  # the least chance of all must be among the labels to be known
            stayed[drawn[independent(drawn, probability[drawn], rng).rows]] += 1
    assert stayed[0] > 1500
    # given that the first was drawn, each other one is drawn with p and kept with 0.1 / p
    assert stayed[1:] / stayed[0] == pytest.approx([0.1] * 3, abs=0.03)
    assert independent(np.arange(4), np.full(4, 0.3), rng).thinned == 4
    with pytest.raises(ValueError, match="above 0 and at most 1"):
        independent([1, 2], [0.0, 0.5], rng)


def test_no_labels_are_no_error() -> None:
    assert independent([], [], np.random.default_rng(0)).rows.tolist() == []


# ---- worlds: a run of verdicts, the judge's true chance of agreeing with a label on each, and the labels drawn


@dataclass
class World:
    """`true` is the chance (n,) that a label agrees, given what is known; `picked` are the labelled responses."""

    confidence: np.ndarray
    true: np.ndarray
    agrees: np.ndarray
    cluster: np.ndarray
    picked: np.ndarray
    probability: np.ndarray | None


N, LABELS, TARGET, LEVEL, WORLDS = 1500, 400, 0.95, 0.95, 1000


def _plain(rng: np.random.Generator, true_of: Callable[[np.ndarray], np.ndarray], sure: float = 4) -> World:
    confidence = 0.5 + 0.5 * rng.beta(sure, 1, N)
    true = true_of(confidence)
    picked = rng.choice(N, LABELS, replace=False)
    return World(confidence, true, rng.random(N) < true, np.arange(N), picked, None)


def calibrated(rng: np.random.Generator) -> World:
    """Confidence is the chance of being right."""
    return _plain(rng, lambda c: c, sure=12)


def overconfident(rng: np.random.Generator) -> World:
    """A judge that is right less often than it says, and never more often than 96 %."""
    return _plain(rng, lambda c: 0.46 + c / 2)


def just_below(rng: np.random.Generator) -> World:
    """Agreement a hair below the target everywhere: to certify anything is an error, and the hardest not to make."""
    return _plain(rng, lambda c: np.full(len(c), TARGET - 1e-9))


def exactly_at(rng: np.random.Generator) -> World:
    """Agreement is the target in the upper half and far below it in the lower: the half is right, more is wrong."""
    return _plain(rng, lambda c: np.where(c >= 0.9, TARGET, 0.7))


def clustered(rng: np.random.Generator) -> World:
    """Groups of 6 that are right or wrong together and are labelled whole; agreement is a hair below the target."""
    groups = N // 6
    cluster = np.repeat(np.arange(groups), 6)
    agrees = np.repeat(rng.random(groups) < TARGET - 1e-9, 6)
    picked = np.flatnonzero(np.isin(cluster, rng.choice(groups, LABELS // 4, replace=False)))
    confidence = 0.5 + 0.5 * np.clip(np.repeat(rng.random(groups), 6) + 0.05 * rng.random(N), 0, 1)
    return World(confidence, np.full(N, TARGET - 1e-9), agrees, cluster, picked, None)


def unequal(rng: np.random.Generator) -> World:
    """Easy responses (98 %) are labelled five times as often as hard ones (92 %), half of each: the mean is below."""
    hard = rng.random(N) < 0.5
    probability = np.where(hard, 0.15, 0.75)
    true = np.where(hard, 0.92, 0.98) - 1e-9
    picked = np.flatnonzero(rng.random(N) < probability)
    return World(0.5 + rng.random(N) / 2, true, rng.random(N) < true, np.arange(N), picked, probability)


def _certified(world: World, rng: np.random.Generator, honest: bool = True) -> tuple[float | None, int]:
    """(true agreement of the certified region, None where there is none; labels used)."""
    rows = np.arange(len(world.picked))
    if honest:
        chance = None if world.probability is None else world.probability[world.picked]
        rows = independent(world.cluster[world.picked], chance, rng).rows
    used = world.picked[rows]
    found = certify(world.confidence, world.confidence[used], world.agrees[used], target=TARGET, level=LEVEL)
    if found.region is None:
        return None, len(used)
    return float(world.true[world.confidence >= found.region.threshold].mean()), len(used)


def _wrong(kind: Callable[[np.random.Generator], World], honest: bool = True) -> tuple[int, int]:
    """(worlds whose certified region is below the target, worlds with a certified region)."""
    rng = np.random.default_rng(0)
    found = [_certified(kind(rng), rng, honest)[0] for _ in range(WORLDS)]
    certified = [true for true in found if true is not None]
    return sum(true < TARGET - 1e-12 for true in certified), len(certified)


@pytest.mark.parametrize("kind", [calibrated, overconfident, just_below, exactly_at, clustered, unequal])
def test_in_95_of_100_worlds_what_is_certified_holds(kind: Callable[[np.random.Generator], World]) -> None:
    wrong, certified = _wrong(kind)
    assert wrong <= (1 - LEVEL) * WORLDS
    # not by certifying nothing: a good judge mostly gets its region, and where nothing should pass something still does
    assert certified >= (800 if kind is calibrated else 5)


@pytest.mark.parametrize("kind", [clustered, unequal])
def test_without_thinning_and_one_label_per_group_it_would_not_hold(
    kind: Callable[[np.random.Generator], World],
) -> None:
    assert _wrong(kind, honest=False)[0] > (1 - LEVEL) * WORLDS
