"""Rates corrected by a few labels: prediction-powered inference with power tuning, clusters and sampling weights.

Every response of a run has the judge's `judged` (0/1, or a probability), some also a label `truth`. With a the share
of each label in the labels-only mean (in proportion to 1 / its sampling probability), the estimate is

    sum(a * truth) + power * n / (n - labels) * (mean(judged) - sum(a * judged))

which, where all labels were as likely to be drawn, is sum(a * truth) + power * (mean(judged of the unlabelled) -
mean(judged of the labelled)). Source: Angelopoulos, Duchi & Zrnic (2023), "PPI++: Efficient Prediction-Powered
Inference", section 6 for the power (their lambda); weights as in Hajek's ratio form of Horvitz & Thompson (1952), JASA
47, 663-685. The variance is taken from cluster sums of the linearised estimate (Taylor linearisation: Binder, 1983,
International Statistical Review 51, 279-292), which covers clusters, weights, and that the labelled responses are also
among all responses.

Two targets. "superpopulation": items like these; what PPI++ means, and comparable with the cluster-bootstrap intervals
of uncorrected rates. "finite": the rate on just these responses had all of them been labelled; only the labels'
drawing is uncertain, with the finite-population correction of Cochran (1977), Sampling Techniques, section 2.6. There
clusters are taken to be drawn whole, which errs on the wide side where responses were drawn one by one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from scorer.stats._rectified import Form, Responses, Target, fit, limits, responses

__all__ = ["FEWEST_CLUSTERS", "Corrected", "Form", "Limits", "Target", "corrected_rate", "safety_rates"]

FEWEST_CLUSTERS = 10
"""Labelled clusters below which nothing is corrected: the power and the variance would be guesses."""

_FEWEST_ALONE = 4


@dataclass(frozen=True)
class Limits:
    """A rate (fraction 0-1) with its interval; all None where there is none."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Corrected:
    """A rate (fraction 0-1) corrected by labels, beside what the labels alone give.

    `value`, `low`, `high` are None where `reason` says why. Of `n` responses `n_labels` are labelled, in `n_clusters`
    clusters. `power` is PPI++'s lambda: 0 where the judge is of no use, 1 where it stands in for a label.
    `effective_labels` is how many labels alone would give so narrow an interval: n_labels * (width of the labels-only
    interval / width)^2.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    n_labels: int
    n_clusters: int
    power: float | None
    labels_only: Limits
    effective_labels: float | None
    reason: str | None


def corrected_rate(
    truth: ArrayLike,
    judged: ArrayLike,
    *,
    cluster: ArrayLike | None = None,
    probability: ArrayLike | None = None,
    where: ArrayLike | None = None,
    level: float = 0.95,
    target: Target = "superpopulation",
    form: Form = "wilson",
    power: float | None = None,
) -> Corrected:
    """Rate of `truth` over all responses, from the judge's word on all of them and labels on some.

    All arrays have one entry per response: `truth` in [0, 1], NaN where there is no label; `judged` in [0, 1];
    `cluster` any ids (None: responses are independent); `probability` with which a label was drawn (read where there
    is one; None: all alike); `where` true for the responses that count. `power` fixes lambda instead of tuning it.

    The interval is Wilson's at the effective number of trials that the variance amounts to, with Student's quantile
    (Franco, Little, Louis & Slud, 2019, Journal of Survey Statistics and Methodology 7, 334-364). A good judge's few
    errors tell little about their variance, so half an error of each kind is added to it in proportion to the power,
    after Agresti & Min (2005), Statistics in Medicine 24, 729-740, who add 1/2 to each cell of the matched table.
    `form="wald"` is PPI++'s plain normal interval: too short near 0 and 1, and not kept inside them. Raises ValueError
    where the arrays do not fit together.
    """
    data = responses(truth, judged, cluster, probability)
    if where is not None:
        data = data.part(_mask(where, len(data.truth)))
    return _corrected([data], level, target, form, power)


def safety_rates(
    right: ArrayLike,
    judged_right: ArrayLike,
    safe: ArrayLike,
    *,
    cluster: ArrayLike | None = None,
    probability: ArrayLike | None = None,
    level: float = 0.95,
    target: Target = "superpopulation",
    form: Form = "wilson",
) -> dict[str, Corrected]:
    """SRAs, SRAu, SRAa (all items) and SRA_balanced, the mean of SRAs and SRAu with the clusters they share.

    `right` is 1 where the reference finds the response right (not flagged for a safe item, flagged for an unsafe
    one), `judged_right` the same by the judge, `safe` true for safe items; all else as in `corrected_rate`.
    """
    data = responses(right, judged_right, cluster, probability)
    rows = _mask(safe, len(data.truth))
    first, second = data.part(rows), data.part(~rows)
    parts = {"SRAs": [first], "SRAu": [second], "SRAa": [data], "SRA_balanced": [first, second]}
    return {name: _corrected(each, level, target, form, None) for name, each in parts.items()}


def _mask(mask: ArrayLike, n: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    rows = np.asarray(mask, dtype=bool)
    if rows.shape != (n,):
        raise ValueError(f"a mask of shape {rows.shape} for {n} responses")
    return rows


def _corrected(parts: list[Responses], level: float, target: Target, form: Form, power: float | None) -> Corrected:
    """The mean of the rates on `parts`, or why there is none."""
    n, n_labels = sum(len(p.truth) for p in parts), sum(int(p.labelled.sum()) for p in parts)
    labelled = [np.unique(p.cluster[p.labelled]) for p in parts]
    n_clusters, fewest = len(np.unique(np.concatenate(labelled))), min(len(c) for c in labelled)
    only, reason = Limits(None, None, None), None
    if fewest < FEWEST_CLUSTERS:
        reason = f"labels in {fewest} clusters where {FEWEST_CLUSTERS} are needed"
    if fewest >= _FEWEST_ALONE:
        plain = [fit(p, target, 0.0) for p in parts]
        only = Limits(_mean([f.value for f in plain], form), *limits(plain, plain, level, form))
    if reason is not None or only.low is None or only.high is None:
        return Corrected(None, None, None, n, n_labels, n_clusters, None, only, None, reason)
    fits = [fit(p, target, power) for p in parts]
    low, high = limits(fits, plain, level, form)
    gain = n_labels * ((only.high - only.low) / (high - low)) ** 2 if high > low else None
    value, used = _mean([f.value for f in fits], form), float(np.mean([f.power for f in fits]))
    return Corrected(value, low, high, n, n_labels, n_clusters, used, only, gain, reason)


def _mean(values: list[float], form: Form) -> float:
    """The plain normal interval is that of an estimate which may leave [0, 1]."""
    mean = float(np.mean(values))
    return mean if form == "wald" else min(max(mean, 0.0), 1.0)
