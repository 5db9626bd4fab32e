"""Agreement coefficients of many confusion matrices at once: (..., K, K) counts, rows a, columns b.

NaN where a coefficient is undefined. `agreement` takes its values from scikit-learn and `krippendorff` and these
for bootstrap resamples, of which there are thousands; only Gwet's AC1 is this module's alone.
"""

from __future__ import annotations

import numpy as np

from scorer.stats.intervals import Floats


def accuracy(m: Floats) -> Floats:
    """Share of cases in which both say the same."""
    return _ratio(_diagonal(m).sum(axis=-1), m.sum(axis=(-2, -1)))


def kappa(m: Floats) -> Floats:
    """Cohen's kappa: Cohen (1960), Educational and Psychological Measurement 20, 37-46."""
    rows, columns = _margins(m)
    return _beyond(accuracy(m), (rows * columns).sum(axis=-1))


def alpha(m: Floats) -> Floats:
    """Krippendorff's alpha, nominal, two observers, nothing missing.

    Source: Krippendorff (2011), "Computing Krippendorff's alpha-reliability", sections A and B, from coincidences.
    """
    pairs = m.sum(axis=(-2, -1)) * 2
    values = m.sum(axis=-2) + m.sum(axis=-1)
    expected = _ratio((values * (values - 1)).sum(axis=-1), pairs * (pairs - 1))
    return _beyond(accuracy(m), expected)


def ac1(m: Floats) -> Floats:
    """Gwet's AC1: Gwet (2008), British Journal of Mathematical and Statistical Psychology 61, 29-48, section 3.

    Chance agreement is sum over classes of pi (1 - pi) / (K - 1), where pi is the mean of both sides' share of a
    class: chance plays a part only for cases hard to tell, so that rare classes do not sink it as they do kappa.
    """
    rows, columns = _margins(m)
    share = (rows + columns) / 2
    return _beyond(accuracy(m), (share * (1 - share)).sum(axis=-1) / (m.shape[-1] - 1))


def precision(m: Floats) -> Floats:
    """(..., K): of what b puts in each class, the share that a does too."""
    return _ratio(_diagonal(m), m.sum(axis=-2))


def recall(m: Floats) -> Floats:
    """(..., K): of what a puts in each class, the share that b does too."""
    return _ratio(_diagonal(m), m.sum(axis=-1))


def f1(m: Floats) -> Floats:
    """(..., K): harmonic mean of precision and recall."""
    return _ratio(2 * _diagonal(m), m.sum(axis=-2) + m.sum(axis=-1))


def _diagonal(m: Floats) -> Floats:
    return np.diagonal(m, axis1=-2, axis2=-1)


def _margins(m: Floats) -> tuple[Floats, Floats]:
    total = m.sum(axis=(-2, -1))[..., None]
    return _ratio(m.sum(axis=-1), total), _ratio(m.sum(axis=-2), total)


def _beyond(observed: Floats, chance: Floats) -> Floats:
    # Where chance explains everything what is left is rounding error, not agreement.
    return _ratio(observed - chance, np.where(1 - chance > 1e-12, 1 - chance, 0.0))


def _ratio(top: Floats, bottom: Floats) -> Floats:
    out: Floats = np.full(np.broadcast_shapes(np.shape(top), np.shape(bottom)), np.nan)
    np.divide(top, bottom, out=out, where=np.asarray(bottom) != 0)
    return out
