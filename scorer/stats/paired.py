"""Two judges, or two runs, on the same items: is one better, and by how much?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from scorer.stats.intervals import RESAMPLES, Floats, bootstrap_sums, expanded_percentiles, wilson


@dataclass(frozen=True)
class McNemar:
    """`only_first` and `only_second`: cases that just one of two judges gets right; `p_value` two-sided."""

    only_first: int
    only_second: int
    p_value: float


@dataclass(frozen=True)
class Difference:
    """First rate minus second (-1 to 1) with its interval; None where one of them has no case."""

    value: float | None
    low: float | None
    high: float | None
    first: float | None
    second: float | None
    clusters: int


def mcnemar(first: ArrayLike, second: ArrayLike) -> McNemar:
    """Exact test that two judges are right equally often; `first` and `second` (n,) true where each is right.

    Of the cases that only one gets right, each judge should get half: a two-sided binomial test, 1 where there is no
    such case. Source: McNemar (1947), Psychometrika 12, 153-157, in its exact form. Takes cases as independent: beside
    clustered responses read `paired_difference`.
    """
    a, b = np.asarray(first, dtype=bool), np.asarray(second, dtype=bool)
    if a.ndim != 1 or a.shape != b.shape:
        raise ValueError("the two judges must have been asked about the same cases")
    only_first, only_second = int((a & ~b).sum()), int((b & ~a).sum())
    discordant = only_first + only_second
    p_value = float(stats.binomtest(only_first, discordant).pvalue) if discordant else 1.0
    return McNemar(only_first, only_second, p_value)


def paired_difference(
    first: ArrayLike,
    first_cluster: ArrayLike,
    second: ArrayLike,
    second_cluster: ArrayLike,
    rng: np.random.Generator,
    *,
    level: float = 0.95,
    resamples: int = RESAMPLES,
) -> Difference:
    """Difference of two rates with a paired cluster-bootstrap interval.

    `first` (n,) and `second` (m,) are outcomes in [0, 1], their clusters ids from one set: two judges' hits have
    n = m and the same clusters, two runs may lack some responses. Clusters are drawn with both sides' outcomes
    (Field & Welsh, 2007, JRSS B 69, 369-390), by expanded percentiles. Where all clusters give the same difference the
    bootstrap would claim certainty; the interval is then what it could be if as large a share of clusters as Wilson's
    limit allows, none having been seen, differed by anything from -1 to 1. Raises ValueError where outcomes and
    clusters do not match.
    """
    a, b = _outcomes(first, first_cluster), _outcomes(second, second_cluster)
    ids, index = np.unique(np.concatenate([a[1], b[1]]), return_inverse=True)
    n = len(a[0])
    columns = [
        np.bincount(part, weights, minlength=len(ids))
        for part, outcome in ((index[:n], a[0]), (index[n:], b[0]))
        for weights in (outcome, np.ones(len(outcome)))
    ]
    table: Floats = np.stack(columns, axis=1)
    totals = table.sum(axis=0)
    rates = [float(totals[k] / totals[k + 1]) if totals[k + 1] else None for k in (0, 2)]
    if rates[0] is None or rates[1] is None:
        return Difference(None, None, None, rates[0], rates[1], len(ids))
    value = rates[0] - rates[1]
    if len(ids) > 1:
        sums = bootstrap_sums(table, rng, resamples)
        with np.errstate(invalid="ignore", divide="ignore"):
            low, high = expanded_percentiles(sums[:, 0] / sums[:, 1] - sums[:, 2] / sums[:, 3], len(ids), level)
        if high - low > 1e-12:
            return Difference(value, low, high, rates[0], rates[1], len(ids))
    low, high = _unseen(value, len(ids), level)
    return Difference(value, low, high, rates[0], rates[1], len(ids))


def balanced_difference(
    first: ArrayLike,
    second: ArrayLike,
    stratum: ArrayLike,
    cluster: ArrayLike,
    rng: np.random.Generator,
    *,
    level: float = 0.95,
    resamples: int = RESAMPLES,
) -> Difference:
    """Difference of two balanced rates, each the mean of a rate per stratum, on the same cases.

    `first`, `second` (n,) are outcomes in [0, 1], `stratum` (n,) is false or true, `cluster` (n,) holds ids, drawn with
    all their cases of both strata and both sides (Field & Welsh, 2007, JRSS B 69, 369-390), by expanded percentiles.
    Where no draw differs from another: the means of the strata's limits, each as in `paired_difference`. None where a
    stratum is empty.
    """
    a, ids = _outcomes(first, cluster)
    b, _ = _outcomes(second, cluster)
    side = np.asarray(stratum, dtype=bool)
    names, index = np.unique(ids, return_inverse=True)
    columns = [
        np.bincount(index, of_stratum * weights, minlength=len(names))
        for of_stratum in (~side, side)
        for weights in (a, b, np.ones(len(a)))
    ]
    table: Floats = np.stack(columns, axis=1)
    totals = table.sum(axis=0)
    if not (totals[2] and totals[5]):
        return Difference(None, None, None, None, None, len(names))
    rates = [float((totals[k] / totals[2] + totals[k + 3] / totals[5]) / 2) for k in (0, 1)]
    value = rates[0] - rates[1]
    if len(names) > 1:
        sums = bootstrap_sums(table, rng, resamples)
        with np.errstate(invalid="ignore", divide="ignore"):
            drawn = ((sums[:, 0] - sums[:, 1]) / sums[:, 2] + (sums[:, 3] - sums[:, 4]) / sums[:, 5]) / 2
        if np.isfinite(drawn).any():
            low, high = expanded_percentiles(drawn, len(names), level)
            if high - low > 1e-12:
                return Difference(value, low, high, rates[0], rates[1], len(names))
    limits = [
        _unseen(float((totals[k] - totals[k + 1]) / totals[k + 2]), int((table[:, k + 2] > 0).sum()), level)
        for k in (0, 3)
    ]
    low, high = ((first + second) / 2 for first, second in zip(*limits, strict=True))
    return Difference(value, low, high, rates[0], rates[1], len(names))


def holm(p_values: ArrayLike) -> Floats:
    """p-values adjusted for how many there are, in the order given: reject those at or below the error rate wanted.

    Step-down: the k-th smallest of m is multiplied by m - k + 1, never below a smaller one's, at most 1. Source: Holm
    (1979), Scandinavian Journal of Statistics 6, 65-70.
    """
    p = np.asarray(p_values, dtype=float)
    if p.ndim != 1 or not np.all((p >= 0) & (p <= 1)):
        raise ValueError("p-values must be a list of numbers between 0 and 1")
    order = np.argsort(p, kind="stable")
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    return adjusted


def _unseen(value: float, clusters: int, level: float) -> tuple[float, float]:
    """Limits of a difference that all clusters share: others may exist, up to Wilson's share of them."""
    share = wilson(0, clusters, level)[1]
    return (1 - share) * value - share, (1 - share) * value + share


def _outcomes(outcome: ArrayLike, cluster: ArrayLike) -> tuple[Floats, np.ndarray[tuple[int], np.dtype[np.generic]]]:
    values, ids = np.asarray(outcome, dtype=float), np.asarray(cluster)
    if values.ndim != 1 or ids.shape != values.shape:
        raise ValueError(f"{values.shape} outcomes need as many cluster ids, got {ids.shape}")
    if not np.all((values >= 0) & (values <= 1)):
        raise ValueError("outcomes must lie between 0 and 1")
    return values, ids
