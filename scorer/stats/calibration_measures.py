"""How far probabilities can be believed: calibration error, Brier score, log loss, reliability bins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics import brier_score_loss, log_loss

from scorer.stats.intervals import Floats, wilson

Scheme = Literal["equal_mass", "equal_width"]


@dataclass(frozen=True)
class Bin:
    """Cases whose probability lies in one bin.

    `mean` probability they were given, `rate` of those that are true with its Wilson interval, `n` cases and `weight`
    their share of all (by weight). `lower` and `upper` are the smallest and largest probability in the bin.
    """

    lower: float
    upper: float
    mean: float
    rate: float
    low: float
    high: float
    n: int
    weight: float


@dataclass(frozen=True)
class Calibration:
    """Measures of the probabilities of n cases; all but `n` None (and no bins) where there is no case.

    `ece_mass` and `ece_width` are expected calibration errors over bins of equal mass and equal width, `brier` the
    mean squared error (0-1), `log_loss` in nats.
    """

    n: int
    ece_mass: float | None
    ece_width: float | None
    brier: float | None
    log_loss: float | None
    bins: tuple[Bin, ...]


def calibration(p: ArrayLike, y: ArrayLike, *, weight: ArrayLike | None = None, bins: int = 10) -> Calibration:
    """All measures of probabilities `p` (n,) of outcomes `y` (n,) of 0 or 1; the reliability bins are of equal mass.

    `weight` (n,), for instance 1 / sampling probability, default 1. The log loss is scikit-learn's, which keeps
    probabilities a rounding error away from 0 and 1, so that one certain mistake costs about 36 nats, not infinity.
    Raises ValueError where p leaves [0, 1], y is not 0/1 or lengths differ.
    """
    probability, outcome, w = _checked(p, y, weight)
    if not len(probability):
        return Calibration(0, None, None, None, None, ())
    return Calibration(
        len(probability),
        expected_calibration_error(probability, outcome, weight=w, bins=bins, scheme="equal_mass"),
        expected_calibration_error(probability, outcome, weight=w, bins=bins, scheme="equal_width"),
        float(brier_score_loss(outcome, probability, sample_weight=w, labels=[0, 1])),
        float(log_loss(outcome, probability, sample_weight=w, labels=[0, 1])),
        reliability(probability, outcome, weight=w, bins=bins),
    )


def expected_calibration_error(
    p: ArrayLike, y: ArrayLike, *, weight: ArrayLike | None = None, bins: int = 10, scheme: Scheme = "equal_mass"
) -> float:
    """Mean over bins, by weight, of |rate of true outcomes - mean probability| (0-1).

    Source: Naeini, Cooper & Hauskrecht (2015), AAAI 29, section "Calibration measures" (equal width); equal mass:
    Nixon et al. (2019), "Measuring calibration in deep learning", section 3. Needs at least one case.
    """
    return sum(b.weight * abs(b.rate - b.mean) for b in reliability(p, y, weight=weight, bins=bins, scheme=scheme))


def reliability(
    p: ArrayLike, y: ArrayLike, *, weight: ArrayLike | None = None, bins: int = 10, scheme: Scheme = "equal_mass"
) -> tuple[Bin, ...]:
    """Non-empty bins of the reliability curve, from low to high.

    Equal width: [0, 1/bins), ..., the last one closed. Equal mass: cut at weighted quantiles; equal probabilities stay
    together, so there may be fewer bins. Wilson's interval uses the effective number of cases sum(w)^2 / sum(w^2)
    (Kish, 1965, Survey Sampling, section 11.7); it takes cases as independent.
    """
    probability, outcome, w = _checked(p, y, weight)
    if bins < 1:
        raise ValueError(f"at least one bin is needed, got {bins}")
    if not len(probability):
        return ()
    if scheme == "equal_width":
        inner = np.arange(1, bins) / bins
        which = np.searchsorted(inner, probability, side="right")
    else:
        inner = np.quantile(probability, np.arange(1, bins) / bins, method="inverted_cdf", weights=w)
        which = np.searchsorted(np.unique(inner), probability, side="left")
    return tuple(_bin(probability[i], outcome[i], w[i], float(w.sum())) for i in (which == b for b in np.unique(which)))


def _bin(p: Floats, y: Floats, w: Floats, total: float) -> Bin:
    rate = float(np.average(y, weights=w))
    effective = float(w.sum() ** 2 / (w @ w))
    low, high = wilson(rate * effective, effective)
    mean = float(np.average(p, weights=w))
    return Bin(float(p.min()), float(p.max()), mean, rate, low, high, len(p), float(w.sum()) / total)


def _checked(p: ArrayLike, y: ArrayLike, weight: ArrayLike | None) -> tuple[Floats, Floats, Floats]:
    probability, outcome = np.asarray(p, dtype=float), np.asarray(y, dtype=float)
    w = np.ones(probability.shape) if weight is None else np.asarray(weight, dtype=float)
    if probability.ndim != 1 or outcome.shape != probability.shape or w.shape != probability.shape:
        raise ValueError("probabilities, outcomes and weights must be one-dimensional and equally long")
    if not np.all((probability >= 0) & (probability <= 1)):
        raise ValueError("probabilities must lie between 0 and 1")
    if not np.all((outcome == 0) | (outcome == 1)):
        raise ValueError("outcomes must be 0 or 1")
    if not np.all((w > 0) & np.isfinite(w)):
        raise ValueError("weights must be positive")
    return probability, outcome, w
