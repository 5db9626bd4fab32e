"""Which responses to have labelled: every pick comes with the exact chance that it had of being picked.

An estimate may then weight each label by 1 / probability and stays unbiased, whatever the strategy preferred.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from scorer.errors import RunError
from scorer.records import DIMENSIONS

SLICE = (*DIMENSIONS, "expects")
"""The columns whose combinations are the slices that a sample should cover."""
STRATEGIES = ("stratified", "uncertain", "random")
FLOOR = 0.1
"""What a response of which the judge is certain weighs beside one at the decision, which weighs 1 more."""

Vector = np.ndarray[tuple[int], np.dtype[np.float64]]
Indices = np.ndarray[tuple[int], np.dtype[np.int64]]


def sample(verdicts: pl.DataFrame, n: int, strategy: str, rng: np.random.Generator) -> pl.DataFrame:
    """`n` of one judge's verdicts with status ok (all of them where there are fewer), in their order.

    The column `probability` is added. `stratified` shares n equally among the slices and draws at random within
    them; `uncertain` prefers responses near the decision; both have every slice present where n is at least their
    number. `random` gives every response the same chance. Raises RunError where there is nothing to pick, or where
    `uncertain` meets a judge without p_flagged.
    """
    rows = verdicts.filter(pl.col("status") == "ok")
    if rows.is_empty():
        raise RunError("got no response that the judge could score; expected at least one to pick.")
    slices = _slices(rows)
    n = min(n, len(rows))
    if strategy == "stratified":
        chances, picks = _stratified(slices, n, rng)
    elif strategy == "uncertain":
        chances = _uncertain(_uncertainty(rows), slices, n)
        picks = _systematic(chances, slices, rng)
    elif strategy == "random":
        chances = np.full(len(rows), n / len(rows))
        picks = rng.choice(len(rows), n, replace=False)
    else:
        raise RunError(f"got the strategy {strategy!r}; expected one of {', '.join(STRATEGIES)}.")
    with_chances = rows.with_columns(probability=pl.Series(chances, dtype=pl.Float64))
    return with_chances.select(pl.all().gather(np.sort(picks).tolist()))


def _slices(rows: pl.DataFrame) -> list[Indices]:
    """The row numbers of every slice, slices in order of appearance."""
    found: dict[tuple[object, ...], list[int]] = {}
    for index, key in enumerate(rows.select(SLICE).iter_rows()):
        found.setdefault(key, []).append(index)
    return [np.array(members, dtype=np.int64) for members in found.values()]


def _stratified(slices: Sequence[Indices], n: int, rng: np.random.Generator) -> tuple[Vector, Indices]:
    total = sum(map(len, slices))
    if n < len(slices):
        # too few for all: a draw that is spread over the slices, with one chance for all responses
        even = np.full(total, n / total)
        return even, _systematic(even, slices, rng)
    chances = np.empty(total)
    picks = []
    for members, share in zip(slices, equal_shares([len(s) for s in slices], n), strict=True):
        chances[members] = share / len(members)
        picks.append(rng.choice(members, share, replace=False))
    return chances, np.concatenate(picks)


def equal_shares(sizes: Sequence[int], n: int) -> list[int]:
    """Share n equally, no slice getting more than it has; what equal shares leave over goes to the largest slices."""
    shares = [0] * len(sizes)
    left = list(range(len(sizes)))
    while True:
        level = n // len(left) if left else 0
        full = [i for i in left if sizes[i] <= level]
        if not full:
            break
        for i in full:
            shares[i] = sizes[i]
            n -= sizes[i]
        left = [i for i in left if sizes[i] > level]
    over = n - level * len(left)
    for place, i in enumerate(sorted(left, key=lambda i: -sizes[i])):
        shares[i] = level + (place < over)
    return shares


def _uncertainty(rows: pl.DataFrame) -> Vector:
    """1 at the decision, 0 where the judge is certain; by the calibrated probability where that one decides."""
    p = rows["p_flagged"]
    if "p_calibrated" in rows.columns:
        p = rows.select(pl.coalesce("p_calibrated", "p_flagged")).to_series()
    if p.null_count():
        judge = rows["judge"][0] if "judge" in rows.columns else "the judge"
        raise RunError(
            f"{judge}: got verdicts without probabilities; expected p_flagged to tell which responses are near the "
            "decision; choose another --judge, or --strategy stratified."
        )
    return np.asarray(1 - (2 * p.to_numpy() - 1).__abs__(), dtype=np.float64)


def _uncertain(uncertainty: Vector, slices: Sequence[Indices], n: int) -> Vector:
    """Chances that sum to n, proportional to the weights, with a sum of at least 1 in every slice where n allows."""
    weights = FLOOR + uncertainty
    chances = np.zeros(len(weights))
    small: list[Indices] = []
    open_ = list(slices)
    while True:
        members = np.concatenate(open_)
        chances[members] = _proportional(weights[members], n - len(small))
        below = [s for s in open_ if chances[s].sum() < 1 - 1e-9]
        if not below or n < len(slices):
            return chances
        for s in below:
            chances[s] = _proportional(weights[s], 1)
        small += below
        open_ = [s for s in open_ if not any(s is b for b in below)]


def _proportional(weights: Vector, n: float) -> Vector:
    """Chances proportional to the weights and at most 1, that sum to n."""
    certain = np.zeros(len(weights), dtype=bool)
    while True:
        rest = weights[~certain].sum()
        left = n - certain.sum()
        chances = np.where(certain, 1.0, weights * (left / rest if rest else 0.0))
        above = ~certain & (chances >= 1)
        if not above.any():
            return np.asarray(chances, dtype=np.float64)
        certain |= above


def _systematic(chances: Vector, slices: Sequence[Indices], rng: np.random.Generator) -> Indices:
    """Picks with exactly these chances, as many as they sum to.

    The responses stand in a line, slice by slice, each as long as its chance; points one apart, with a random
    start, pick. So a slice whose chances sum to 1 or more always has a pick. Slices, and responses within them,
    stand in random order.
    """
    certain = chances >= 1
    order = np.concatenate([rng.permutation(slices[i]) for i in rng.permutation(len(slices))])
    order = order[~certain[order]]
    ends = np.cumsum(chances[order])
    count = round(float(ends[-1])) if len(ends) else 0
    if not count:
        return np.flatnonzero(certain)
    ends *= count / ends[-1]  # rounding errors add up
    points = rng.random() + np.arange(count)
    picked = order[np.minimum(np.searchsorted(ends, points, side="right"), len(order) - 1)]
    return np.concatenate([np.flatnonzero(certain), picked])
