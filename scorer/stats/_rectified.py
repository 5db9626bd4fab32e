"""The arithmetic of prediction-powered rates: an estimate, its linearisation per cluster, and its interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from scorer.stats.intervals import Floats, Interval, wilson

Target = Literal["superpopulation", "finite"]
Form = Literal["wilson", "wald"]

_ROUNDING = 1e-15
"""A variance below this is that of rounding errors: nothing varies."""


@dataclass(frozen=True)
class Responses:
    """Checked arrays, one entry per response; `cluster` is numbered, alike in all parts of a run."""

    truth: Floats
    judged: Floats
    probability: Floats | None
    cluster: NDArray[np.intp]
    clusters: int

    @property
    def labelled(self) -> NDArray[np.bool_]:
        """(n,) responses with a label."""
        return ~np.isnan(self.truth)

    def part(self, rows: NDArray[np.bool_]) -> Responses:
        """The responses at the true `rows` (n,)."""
        probability = None if self.probability is None else self.probability[rows]
        return Responses(self.truth[rows], self.judged[rows], probability, self.cluster[rows], self.clusters)


@dataclass(frozen=True)
class Fit:
    """An estimate before its interval.

    `influence` (clusters,) are cluster sums of the linearised estimate: the sum of their squares is the variance.
    `clusters` is how many equally weighted ones the labelled clusters amount to (Kish, 1965, Survey Sampling, section
    11.7), on which `fitted` parameters (the mean, the power) were fitted. `doubt` is the variance of half an unseen
    error of each kind of the judge. `left` is the part of the labels' variance that the target leaves:
    1 for a superpopulation, the share of unlabelled responses for a finite one. `uneven` is the share that a label has
    in the mean, by weight; 0 where labels were drawn alike.
    """

    value: float
    influence: Floats
    clusters: float
    fitted: int
    power: float
    doubt: float
    left: float
    uneven: float


def responses(
    truth: ArrayLike, judged: ArrayLike, cluster: ArrayLike | None, probability: ArrayLike | None
) -> Responses:
    """Checks what `prediction_powered.corrected_rate` says about its arrays; ValueError where it does not hold."""
    y, f = np.asarray(truth, dtype=float), np.asarray(judged, dtype=float)
    ids = np.arange(len(y)) if cluster is None else np.unique(np.asarray(cluster), return_inverse=True)[1]
    drawn = None if probability is None else np.asarray(probability, dtype=float)
    if y.ndim != 1 or f.shape != y.shape or ids.shape != y.shape or (drawn is not None and drawn.shape != y.shape):
        raise ValueError("truth, judged, cluster and probability must be one-dimensional and equally long")
    known = ~np.isnan(y)
    if not (np.all((f >= 0) & (f <= 1)) and np.all((y[known] >= 0) & (y[known] <= 1))):
        raise ValueError("truth and judged must lie between 0 and 1")
    if drawn is not None and not np.all((drawn[known] > 0) & (drawn[known] <= 1)):
        raise ValueError("the sampling probability of every labelled response must be above 0 and at most 1")
    return Responses(y, f, drawn, ids, len(np.unique(ids)))


def fit(data: Responses, target: Target, power: float | None) -> Fit:
    """The estimate from at least one label; `power` None tunes it."""
    labelled, n = data.labelled, len(data.truth)
    n_labels, ids = int(labelled.sum()), data.cluster
    y, f = np.where(labelled, data.truth, 0.0), data.judged
    drawn = np.where(labelled, n_labels / n if data.probability is None else data.probability, 1.0)
    weight = labelled / drawn
    alike = bool(np.ptp(weight[labelled]) <= 1e-9 * weight.max())
    a, rest = weight / weight.sum(), 1 - n_labels / n
    y_mean, f_mean, f_all = float(a @ y), float(a @ f), float(f.mean())
    fitted = 1 + int(power is None and rest > 0)
    if power is None:
        power = _tuned(y[labelled], f, labelled, weight[labelled], alike)
    slope = power / rest if rest else 0.0
    value = y_mean + slope * (f_all - f_mean)
    left = 1 - drawn if target == "finite" else np.ones(n)
    rows = a * (y - y_mean - slope * (f - f_mean)) * np.sqrt(left)
    if target == "superpopulation" and rest:
        # Labels drawn alike make two random samples, labelled and rest, each to be taken about its own mean.
        rows += slope / n * (f - (np.where(labelled, f_mean, f[~labelled].mean()) if alike else f_all))
    clusters = max(1 / float((np.bincount(ids, a) ** 2).sum()), fitted + 2.0)
    p = min(max(value, 0.0), 1.0)
    errors = (1 - p + power * f_all) ** 2 + (p + power * (1 - f_all)) ** 2
    remaining = float(a @ left)
    doubt = 0.5 * power * errors * float(a @ a) ** 2 * remaining
    influence: Floats = np.bincount(ids, rows, minlength=data.clusters).astype(float)
    uneven = 0.0 if alike else float(a @ a)
    return Fit(value, influence, clusters, fitted, power, doubt, remaining, uneven)


def _tuned(y: Floats, f: Floats, labelled: NDArray[np.bool_], weight: Floats, alike: bool) -> float:
    """The power that minimises the variance, clipped to [0, 1]; `y` and `weight` are of the labelled alone.

    PPI++, section 6.1, where labels were drawn alike. Else from the weighted regression of truth on judged, as in the
    generalised regression estimator (Sarndal, Swensson & Wretman, 1992, Model Assisted Survey Sampling, section 6.4).
    """
    rest = 1 - float(labelled.mean())
    if not rest:
        return 0.0
    from_y, from_f = (x - np.average(x, weights=weight) for x in (y, f[labelled]))
    covariance = np.average(from_y * from_f, weights=weight)
    variance = f.var(ddof=1) if alike else np.average(from_f**2, weights=weight)
    return float(np.clip(rest * covariance / variance, 0.0, 1.0)) if variance > _ROUNDING else 0.0


def limits(fits: Sequence[Fit], plain: Sequence[Fit], level: float, form: Form) -> Interval:
    """Interval of the mean of rates on parts that share clusters; `plain` are the same fits with power 0.

    Wilson's interval needs a number of trials: the one that gives a rate this variance, but never less than the labels
    alone amount to (an estimate that falls on 0 or 1 would have none).
    """
    value = float(np.mean([f.value for f in fits]))
    if form == "wald":
        half = float(stats.norm.ppf((1 + level) / 2)) * math.sqrt(_variance(fits, inflate=False))
        return value - half, value + half
    p, variance = min(max(value, 0.0), 1.0), _variance(fits) + sum(f.doubt for f in fits) / len(fits) ** 2
    left = float(np.mean([f.left for f in plain]))
    if left <= 0:
        return p, p
    trials = max(_amount(p, variance, fits) if variance > _ROUNDING else 0.0, _trials(plain, left))
    t = stats.t.ppf((1 + level) / 2, min(f.clusters - f.fitted for f in fits))
    return wilson(p * trials, trials, 2 * float(stats.norm.cdf(t)) - 1)


def _variance(fits: Sequence[Fit], inflate: bool = True) -> float:
    """Variance of the mean of rates; inflated as an unbiased one is by the parameters fitted."""
    scale = [math.sqrt(f.clusters / (f.clusters - f.fitted)) if inflate else 1.0 for f in fits]
    total = sum((f.influence * s for f, s in zip(fits, scale, strict=True)), np.zeros(1)) / len(fits)
    return float(total @ total)


def _trials(plain: Sequence[Fit], left: float) -> float:
    """Independent trials that the labels alone amount to: their clusters where nothing varies."""
    p, variance = float(np.mean([f.value for f in plain])), _variance(plain)
    fewest = min(f.clusters for f in plain) / left
    return _amount(p, variance, plain) if variance > _ROUNDING else fewest


def _amount(p: float, variance: float, fits: Sequence[Fit]) -> float:
    """Independent trials that give the rate `p` this variance.

    Of labels drawn with unequal chances those with little weight may hold the only errors, whose variance then is next
    to nothing. So each rate gets one more error of a label's mean weight, as far as labels alone carry it: it leaves
    the trials as they are where weights are equal, and draws them towards Kish's effective number where errors are few.
    """
    more = [(1 - f.power) * f.uneven / len(fits) for f in fits]
    spread = [m * f.uneven / len(fits) for m, f in zip(more, fits, strict=True)]
    return (p * (1 - p) + sum(more)) / (variance + sum(spread))
