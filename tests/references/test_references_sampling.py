"""Samples: who is picked, and that the recorded chances are the real ones."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scorer.errors import RunError
from scorer.references.sampling import SLICE, STRATEGIES, equal_shares, sample

DRAWS = 1200


def verdicts(sizes: list[int], seed: int = 0) -> pl.DataFrame:
    """Verdicts in slices of these sizes; `value` is what an estimate would be made of."""
    rng = np.random.default_rng(seed)
    rows = [
        {
            "item_id": f"{number}-{i}",
            "target": f"t{number % 2}",
            "method": "plain",
            "scenario": None,
            "channel": f"c{number}",
            "category": None,
            "expects": "answer",
            "judge": "graded",
            "status": "ok",
            "p_flagged": float(rng.beta(0.3, 0.3)),
            "value": float(rng.random() + number),
        }
        for number, size in enumerate(sizes)
        for i in range(size)
    ]
    return pl.DataFrame(rows).sample(fraction=1, shuffle=True, seed=1)


POPULATION = verdicts([1, 2, 4, 9, 14])


@pytest.mark.parametrize("n", [3, 11])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_recorded_chances_are_the_real_ones(strategy: str, n: int) -> None:
    rng = np.random.default_rng(n)
    picked = dict.fromkeys(POPULATION["item_id"], 0)
    chance: dict[str, float] = {}
    totals = []
    for _ in range(DRAWS):
        picks = sample(POPULATION, n, strategy, rng)
        assert len(picks) == n
        for item, p in zip(picks["item_id"], picks["probability"], strict=True):
            picked[item] += 1
            assert chance.setdefault(item, p) == p  # the chance does not depend on the draw
        totals.append((picks["value"] / picks["probability"]).sum())
    assert set(chance) == set(picked)
    assert sum(chance.values()) == pytest.approx(n)
    for item, times in picked.items():
        p = chance[item]
        # 4.5 standard deviations of a binomial share: 30 checks per case, a false alarm in one of 5,000
        assert abs(times / DRAWS - p) <= 4.5 * (p * (1 - p) / DRAWS) ** 0.5 + 1e-12
    error = np.std(totals) / DRAWS**0.5
    assert abs(np.mean(totals) - POPULATION["value"].sum()) <= 4.5 * error + 1e-9


@given(sizes=st.lists(st.integers(1, 30), min_size=1, max_size=8), extra=st.integers(0, 60), seed=st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_every_slice_is_present_where_n_allows(sizes: list[int], extra: int, seed: int) -> None:
    population = verdicts(sizes, seed)
    n = min(len(sizes) + extra, sum(sizes))
    for strategy in ("stratified", "uncertain"):
        picks = sample(population, n, strategy, np.random.default_rng(seed))
        assert len(picks) == n == picks["item_id"].n_unique()
        assert picks.select(SLICE).unique().height == len(sizes)
        assert picks["probability"].is_between(0, 1, closed="right").all()


@given(sizes=st.lists(st.integers(1, 30), min_size=1, max_size=8), n=st.integers(0, 240))
def test_shares_are_equal_up_to_one_and_to_what_is_there(sizes: list[int], n: int) -> None:
    shares = equal_shares(sizes, n)
    assert sum(shares) == min(n, sum(sizes))
    assert all(share <= size for share, size in zip(shares, sizes, strict=True))
    not_full = [share for share, size in zip(shares, sizes, strict=True) if share < size]
    if not_full:
        # nobody has more than those who are not full, but for the one that is left over
        assert max(shares) <= min(not_full) + 1


def test_what_is_left_over_goes_to_the_largest() -> None:
    # 11 among four: 2 for the slice of two, then 3 each, with nothing left; 12: the one left goes to the largest
    assert equal_shares([2, 5, 9, 5], 11) == [2, 3, 3, 3]
    assert equal_shares([2, 5, 9, 5], 12) == [2, 3, 4, 3]


def test_stratified_chances_are_share_by_size() -> None:
    picks = sample(verdicts([2, 10, 20]), 12, "stratified", np.random.default_rng(0))
    chances = dict(picks.group_by("channel").agg(pl.col("probability").unique().implode().first()).iter_rows())
    assert {name: list(np.ravel(values)) for name, values in chances.items()} == {
        "c0": [1.0],
        "c1": [0.5],
        "c2": [0.25],
    }


def test_uncertain_prefers_what_is_near_the_decision() -> None:
    population = verdicts([200])
    rng = np.random.default_rng(0)
    near, anywhere = (
        [(2 * sample(population, 40, strategy, rng)["p_flagged"] - 1).abs().mean() for _ in range(50)]
        for strategy in ("uncertain", "random")
    )
    assert np.mean(near) < np.mean(anywhere) - 0.2
    picks = sample(population, 40, "uncertain", rng)
    ranked = picks.sort((2 * pl.col("p_flagged") - 1).abs())["probability"]
    assert ranked.is_sorted(descending=True)


def test_only_scored_responses_are_picked_and_all_where_there_are_fewer() -> None:
    population = verdicts([5, 5]).with_columns(
        status=pl.when(pl.int_range(pl.len()) < 3).then(pl.lit("missing_response")).otherwise(pl.lit("ok"))
    )
    for strategy in STRATEGIES:
        picks = sample(population, 50, strategy, np.random.default_rng(0))
        assert picks["status"].to_list() == ["ok"] * 7
        assert picks["probability"].to_list() == [1.0] * 7
        assert picks["item_id"].to_list() == population.filter(pl.col("status") == "ok")["item_id"].to_list()


def test_the_same_seed_draws_the_same() -> None:
    for strategy in STRATEGIES:
        first, second, other = (sample(POPULATION, 8, strategy, np.random.default_rng(s)) for s in (1, 1, 2))
        assert first.equals(second)
        assert not first.equals(other)


def test_nothing_to_pick() -> None:
    with pytest.raises(RunError, match="no response that the judge could score"):
        sample(POPULATION.with_columns(status=pl.lit("error")), 5, "random", np.random.default_rng(0))


def test_uncertain_needs_probabilities() -> None:
    none = POPULATION.with_columns(p_flagged=pl.lit(None, dtype=pl.Float64))
    with pytest.raises(RunError, match=r"graded: got verdicts without probabilities.*choose another --judge"):
        sample(none, 5, "uncertain", np.random.default_rng(0))


def test_an_unknown_strategy() -> None:
    with pytest.raises(RunError, match=r"got the strategy 'best'; expected one of stratified"):
        sample(POPULATION, 5, "best", np.random.default_rng(0))


def test_near_the_decision_is_where_the_calibrated_probability_is() -> None:
    population = verdicts([200])
    turned = population.with_columns(p_calibrated=pl.Series(np.where(population["p_flagged"] > 0.3, 0.99, 0.5)))
    chance = sample(turned, 20, "uncertain", np.random.default_rng(0)).select("p_calibrated", "probability")
    low, high = chance["probability"].min(), chance["probability"].max()
    assert chance.filter(pl.col("p_calibrated") == 0.5)["probability"].to_list().count(high) >= 15
    assert isinstance(low, float)
    assert isinstance(high, float)
    assert high > 5 * low
