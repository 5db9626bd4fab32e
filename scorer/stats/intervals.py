"""Intervals for rates: Wilson where responses are independent, cluster bootstrap where they are not."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, stdtrit

Floats = NDArray[np.float64]
Interval = tuple[float, float]

RESAMPLES = 2000
_ROUNDING = 1e-12


def wilson(right: float, n: float, level: float = 0.95) -> Interval:
    """Wilson score interval of `right` successes in `n` trials (both may be fractional effective counts).

    Source: Wilson (1927), JASA 22, 209-212. Raises ValueError where n is not positive.
    """
    if n <= 0:
        raise ValueError("an interval needs at least one trial")
    z = float(ndtri((1 + level) / 2))
    p = right / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    # At 0 and n the limit is exactly the edge, which rounding would miss by a hair and so not cover.
    low = 0.0 if p < _ROUNDING else max(0.0, float(centre - half))
    high = 1.0 if p > 1 - _ROUNDING else min(1.0, float(centre + half))
    return low, high


def mean_of_two(first: float, first_limits: Interval, second: float, second_limits: Interval) -> Interval:
    """Interval of the mean of two independent rates from the interval of each (square-and-add, MOVER).

    Source: Zou & Donner (2008), Statistics in Medicine 27, 1693-1702, section 2, for (a + b) / 2.
    """
    value = (first + second) / 2
    down = math.hypot(first - first_limits[0], second - second_limits[0]) / 2
    up = math.hypot(first_limits[1] - first, second_limits[1] - second) / 2
    return max(0.0, value - down), min(1.0, value + up)


def bootstrap_sums(clusters: Floats, rng: np.random.Generator, resamples: int = RESAMPLES) -> Floats:
    """Column sums of clusters drawn with replacement: (clusters, columns) -> (resamples, columns).

    Clusters with the same row are interchangeable, so how often each distinct row is drawn is multinomial: the same
    distribution as drawing clusters one by one, at a cost that does not grow with their number.
    """
    rows, counts = np.unique(clusters, axis=0, return_counts=True)
    draws = rng.multinomial(len(clusters), counts / len(clusters), size=resamples)
    sums: Floats = draws @ rows
    return sums


def expanded_percentiles(values: Floats, clusters: int, level: float = 0.95) -> Interval:
    """Percentile interval of bootstrap values, widened for few clusters.

    The plain percentile interval is too short by sqrt((n-1)/n) and uses normal instead of t quantiles; taking the
    percentiles at Phi(-sqrt(n/(n-1)) t) mends both. Source: Hesterberg (2015), The American Statistician 69,
    371-386, section 5.3.2. Values that are not finite (a resample without any case) are left out.
    """
    finite = values[np.isfinite(values)]
    if clusters < 2 or not len(finite):
        raise ValueError("a bootstrap interval needs at least two clusters")
    t = float(stdtrit(clusters - 1, (1 + level) / 2))
    tail = float(ndtr(-math.sqrt(clusters / (clusters - 1)) * t))
    low, high = np.quantile(finite, [tail, 1 - tail])
    return float(low), float(high)


def cluster_interval(
    clusters: Floats, statistic: Callable[[Floats], Floats], level: float, drawn: Floats | None
) -> Interval:
    """Cluster-bootstrap interval of a rate in [0, 1].

    `clusters` is (clusters, columns) of counts, `statistic` maps column sums (m, columns) to m rates, `drawn` is
    what `bootstrap_sums` gave (None: too few clusters to draw). Where all clusters agree the bootstrap has no spread
    at all and would claim certainty; the interval is then Wilson's on the number of clusters, which are the
    independent observations.
    """
    if drawn is not None:
        low, high = expanded_percentiles(statistic(drawn), len(clusters), level)
        if high > low:
            return low, high
    value = float(statistic(clusters.sum(axis=0, keepdims=True))[0])
    return wilson(value * len(clusters), len(clusters), level)
