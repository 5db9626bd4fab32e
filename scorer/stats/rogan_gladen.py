"""Rogan-Gladen: a rate from the judge's positive rate, given how often the judge is right about each class."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from scorer.stats._rectified import responses
from scorer.stats.intervals import RESAMPLES, Floats, Interval, bootstrap_sums, expanded_percentiles, wilson

_LABELLED_TRUE, _HIT, _LABELLED_FALSE, _CLEARED, _ALL, _POSITIVE = range(6)


@dataclass(frozen=True)
class RoganGladen:
    """A rate (fraction 0-1) corrected by sensitivity and specificity; None where `reason` says why."""

    value: float | None
    low: float | None
    high: float | None
    judged_rate: float | None
    sensitivity: float | None
    specificity: float | None
    n: int
    n_labels: int
    reason: str | None


def rogan_gladen(
    truth: ArrayLike,
    judged: ArrayLike,
    rng: np.random.Generator,
    *,
    cluster: ArrayLike | None = None,
    probability: ArrayLike | None = None,
    level: float = 0.95,
    resamples: int = RESAMPLES,
) -> RoganGladen:
    """Rate of `truth` over all responses: (judged rate + specificity - 1) / (sensitivity + specificity - 1).

    Arrays (n,): `truth` 0/1, NaN where unlabelled; `judged` 0/1; `cluster` ids (None: independent); `probability` of
    being labelled (None: alike). Clipped to [0, 1]. Source: Rogan & Gladen (1978), American Journal of Epidemiology
    107, 71-76. The interval is a cluster bootstrap of judged rate, sensitivity and specificity together, which knows
    that the labelled responses are also judged ones. Where no error of one kind was seen it would take that for
    certain; there it is Lang & Reiczigel's, on how many clusters of equal weight the labels amount to (see
    `lang_reiczigel`). None without labels of both classes, and where the judge is not better than chance beyond doubt:
    the denominator's interval reaches 0. Raises ValueError where the arrays do not fit together.
    """
    data = responses(truth, judged, cluster, probability)
    known, n = data.labelled, len(data.truth)
    y, f = np.where(known, data.truth, 0.0), data.judged
    if not np.all((y == 0) | (y == 1)) or not np.all((f == 0) | (f == 1)):
        raise ValueError("truth and judged must be 0 or 1")
    weight = np.where(known, 1.0 if data.probability is None else 1 / np.where(known, data.probability, 1.0), 0.0)
    columns = (weight * y, weight * y * f, weight * (1 - y), weight * (1 - y) * (1 - f), np.ones(n), f)
    table: Floats = np.stack([np.bincount(data.cluster, c, minlength=data.clusters) for c in columns], axis=1)
    sums, labels = table.sum(axis=0, keepdims=True), int(known.sum())
    if not n or not sums[0, _LABELLED_TRUE] or not sums[0, _LABELLED_FALSE]:
        rate = float(f.mean()) if n else None
        return RoganGladen(None, None, None, rate, None, None, n, labels, "no labels of both classes")
    rate, sensitivity, specificity = (float(x[0]) for x in _rates(sums))
    limits: Interval | None = None
    if sensitivity + specificity > 1:
        if sensitivity < 1 and specificity < 1:
            limits = _bootstrap(bootstrap_sums(table, rng, resamples), data.clusters, level)
        else:
            n_true, n_false = (_effective(table[:, k]) for k in (_LABELLED_TRUE, _LABELLED_FALSE))
            if _newcombe_low(sensitivity, n_true, specificity, n_false, level) > 0:
                limits = lang_reiczigel(rate, data.clusters, sensitivity, n_true, specificity, n_false, level)
    if limits is None:
        reason = "the judge cannot be told from chance: sensitivity + specificity is not above 1 beyond doubt"
        return RoganGladen(None, None, None, rate, sensitivity, specificity, n, labels, reason)
    value = _corrected(rate, sensitivity, specificity)
    return RoganGladen(value, *limits, rate, sensitivity, specificity, n, labels, None)


def lang_reiczigel(
    rate: float, n: int, sensitivity: float, n_true: float, specificity: float, n_false: float, level: float = 0.95
) -> Interval:
    """Interval of a Rogan-Gladen rate from `n` judged, with sensitivity and specificity from `n_true` and `n_false`.

    Source: Lang & Reiczigel (2014), Preventive Veterinary Medicine 113, 13-22: the rate takes z^2 / 2 further cases of
    either kind, sensitivity and specificity one each; a normal interval about the estimate from these, shifted by
    2 z^2 (P se (1 - se) / (n_true + 2) - (1 - P) sp (1 - sp) / (n_false + 2)). Sensitivity + specificity must exceed 1.
    """
    z = float(stats.norm.ppf((1 + level) / 2))
    p = (n * rate + z * z / 2) / (n + z * z)
    se, sp = (n_true * sensitivity + 1) / (n_true + 2), (n_false * specificity + 1) / (n_false + 2)
    prevalence = (p + sp - 1) / (se + sp - 1)
    of_rate = p * (1 - p) / (n + z * z)
    of_se, of_sp = se * (1 - se) / (n_true + 2), sp * (1 - sp) / (n_false + 2)
    spread = math.sqrt(of_rate + prevalence**2 * of_se + (1 - prevalence) ** 2 * of_sp) / (se + sp - 1)
    centre = prevalence + 2 * z * z * (prevalence * of_se - (1 - prevalence) * of_sp)
    return _clip(centre - z * spread), _clip(centre + z * spread)


def _rates(sums: Floats) -> tuple[Floats, Floats, Floats]:
    """Judged rate, sensitivity, specificity of (m, 6) column sums; NaN where a class has no label."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return (
            sums[:, _POSITIVE] / sums[:, _ALL],
            sums[:, _HIT] / sums[:, _LABELLED_TRUE],
            sums[:, _CLEARED] / sums[:, _LABELLED_FALSE],
        )


def _bootstrap(drawn: Floats, clusters: int, level: float) -> Interval | None:
    """Percentile limits of the resampled estimate, or None where the denominator's reach 0."""
    rate, sensitivity, specificity = _rates(drawn)
    margin = sensitivity + specificity - 1
    known = np.isfinite(margin)
    if clusters < 2 or not known.any() or expanded_percentiles(margin, clusters, level)[0] <= 0:
        return None
    usable = known & (margin > 0)
    values = np.clip((rate[usable] + specificity[usable] - 1) / margin[usable], 0, 1)
    low, high = expanded_percentiles(values, clusters, level)
    return (low, high) if high > low else wilson(float(values.mean()) * clusters, clusters, level)


def _effective(weights: Floats) -> float:
    """How many clusters of equal weight these amount to: Kish (1965), Survey Sampling, section 11.7."""
    return float(weights.sum() ** 2 / (weights @ weights))


def _newcombe_low(se: float, n_true: float, sp: float, n_false: float, level: float) -> float:
    """Lower limit of se + sp - 1 by square-and-add: Newcombe (1998), Statistics in Medicine 17, 873-890, method 10."""
    down = [x - wilson(x * n, n, level)[0] for x, n in ((se, n_true), (sp, n_false))]
    return se + sp - 1 - math.hypot(*down)


def _corrected(rate: float, se: float, sp: float) -> float:
    return _clip((rate + sp - 1) / (se + sp - 1))


def _clip(x: float) -> float:
    return min(max(x, 0.0), 1.0)
