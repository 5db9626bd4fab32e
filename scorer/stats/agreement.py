"""How far two label sets agree: accuracy, kappa, alpha, AC1, per-class measures, with cluster-bootstrap intervals.

Every measure is a function of the confusion matrix, so the bootstrap draws clusters' confusion counts, not cases.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import krippendorff
import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import accuracy_score, cohen_kappa_score, precision_recall_fscore_support

from scorer.stats import _confusion
from scorer.stats.intervals import Floats, bootstrap_sums, cluster_interval, expanded_percentiles, wilson

LEVEL = 0.95

NO_CASE = "no case to measure it on"
ONE_CLASS = "undefined where only one class was ever given"
NO_SPREAD = "no interval: agreement is the same in every resample, which is no proof of certainty"

_Labels = NDArray[np.intp]
_Statistic = Callable[[Floats], Floats]
_NOTHING = 1e-12


@dataclass(frozen=True)
class Measure:
    """A measure with its interval; `reason` says why `value`, or `low` and `high`, are None."""

    value: float | None
    low: float | None
    high: float | None
    reason: str | None = None


@dataclass(frozen=True)
class Agreement:
    """Agreement of labels b with labels a on `n` cases in `clusters` clusters.

    `confusion[i][j]` counts the cases that a puts in class i and b in class j. `measures` holds `accuracy`, `kappa`,
    `alpha` and `ac1`; `classes[k]` has `precision`, `recall` and `f1` of b for class k, with a as the truth.
    """

    n: int
    clusters: int
    confusion: tuple[tuple[int, ...], ...]
    measures: dict[str, Measure]
    classes: tuple[dict[str, Measure], ...]


def agreement(
    a: ArrayLike, b: ArrayLike, cluster: ArrayLike, n_classes: int, rng: np.random.Generator, level: float = LEVEL
) -> Agreement:
    """All measures of two label sets (n,) of classes 0..n_classes-1, in clusters (n,) of any ids; n may be 0.

    Accuracy, precision and recall have Wilson's interval where no cluster has two cases, else that of the percentile
    cluster bootstrap; F1 and the coefficients always have the bootstrap's. Where all resamples are alike (perfect
    agreement, a single cluster) rates fall back on Wilson's interval over clusters, while kappa, alpha and AC1 have
    none: their chance term has no such distribution, and [1, 1] would claim certainty. Precision is undefined for a
    class that b never gives, recall for one that a never gives. Raises ValueError where the arrays do not match or a
    label is no class.
    """
    first, second, table = _counted(a, b, cluster, n_classes)
    matrix = _square(table.sum(axis=0), n_classes)
    drawn = bootstrap_sums(table, rng) if len(table) > 1 else None
    everything = np.ones((n_classes, n_classes), dtype=bool)
    hits = np.eye(n_classes, dtype=bool)
    accuracy = float(accuracy_score(first, second)) if len(first) else None
    measures = {"accuracy": _rate(accuracy, _confusion.accuracy, table, drawn, hits, everything, level)}
    for name, (value, statistic) in _coefficients(first, second, matrix).items():
        measures[name] = _coefficient(value, statistic, drawn, len(table), n_classes, level)
    return Agreement(
        len(first),
        len(table),
        tuple(tuple(int(count) for count in row) for row in matrix),
        measures,
        tuple(_of_class(k, values, table, drawn, level) for k, values in enumerate(_per_class(first, second, matrix))),
    )


def _counted(a: ArrayLike, b: ArrayLike, cluster: ArrayLike, n_classes: int) -> tuple[_Labels, _Labels, Floats]:
    """The labels, checked, and (clusters, classes^2) confusion counts."""
    first, second, ids = np.asarray(a), np.asarray(b), np.asarray(cluster)
    if n_classes < 2:
        raise ValueError(f"agreement needs at least two classes, got {n_classes}")
    if first.ndim != 1 or second.shape != first.shape or ids.shape != first.shape:
        raise ValueError("both label sets and the clusters must be one-dimensional and equally long")
    for labels in (first, second):
        if len(labels) and not (np.all(np.isin(labels, np.arange(n_classes)))):
            raise ValueError(f"labels must be whole numbers from 0 to {n_classes - 1}")
    first, second = first.astype(np.intp), second.astype(np.intp)
    number = np.unique(ids, return_inverse=True)[1]
    clusters, cells = int(number.max()) + 1 if len(ids) else 0, n_classes * n_classes
    flat = np.bincount(number * cells + first * n_classes + second, minlength=clusters * cells)
    return first, second, flat.reshape(clusters, cells).astype(np.float64)


def _square(cells: Floats, n_classes: int) -> Floats:
    return cells.reshape(*cells.shape[:-1], n_classes, n_classes)


def _coefficients(a: _Labels, b: _Labels, matrix: Floats) -> dict[str, tuple[float | None, _Statistic]]:
    """Chance-corrected coefficients; None where chance leaves nothing to agree beyond it."""
    kappa = alpha = None
    if len(np.union1d(a, b)) > 1:
        kappa = float(cohen_kappa_score(a, b))
        alpha = float(krippendorff.alpha(np.stack([a, b]), level_of_measurement="nominal"))
    ac1 = float(_confusion.ac1(matrix)) if len(a) else None
    return {"kappa": (kappa, _confusion.kappa), "alpha": (alpha, _confusion.alpha), "ac1": (ac1, _confusion.ac1)}


def _per_class(a: _Labels, b: _Labels, matrix: Floats) -> list[tuple[float, float, float]]:
    """(precision, recall, F1) of every class, NaN where undefined."""
    k = len(matrix)
    if not len(a):
        return [(np.nan, np.nan, np.nan)] * k
    values = precision_recall_fscore_support(a, b, labels=np.arange(k), zero_division=np.nan)[:3]
    return [(float(p), float(r), float(f)) for p, r, f in zip(*values, strict=True)]


def _of_class(
    k: int, values: tuple[float, float, float], table: Floats, drawn: Floats | None, level: float
) -> dict[str, Measure]:
    n_classes = round(table.shape[1] ** 0.5)
    hit, given_a, given_b = (np.zeros((n_classes, n_classes), dtype=bool) for _ in range(3))
    hit[k, k], given_a[k, :], given_b[:, k] = True, True, True

    def at(statistic: _Statistic) -> _Statistic:
        return lambda matrices: statistic(matrices)[..., k]

    return {
        "precision": _rate(values[0], at(_confusion.precision), table, drawn, hit, given_b, level),
        "recall": _rate(values[1], at(_confusion.recall), table, drawn, hit, given_a, level),
        "f1": _rate(values[2], at(_confusion.f1), table, drawn, None, given_a | given_b, level),
    }


def _rate(
    value: float | None,
    statistic: _Statistic,
    table: Floats,
    drawn: Floats | None,
    right: NDArray[np.bool_] | None,
    cases: NDArray[np.bool_],
    level: float,
) -> Measure:
    """A measure in [0, 1] of the cells `cases`; a plain share of them with the cells `right` as numerator."""
    each = table[:, cases.ravel()].sum(axis=1)
    used = table[each > 0]
    if value is None or not len(used):
        return Measure(None, None, None, NO_CASE)
    if right is not None and each.max() <= 1:
        return Measure(value, *wilson(float(table[:, right.ravel()].sum()), float(each.sum()), level))

    def of_sums(sums: Floats) -> Floats:
        return statistic(_square(sums, len(cases)))

    return Measure(value, *cluster_interval(used, of_sums, level, drawn if len(used) > 1 else None))


def _coefficient(
    value: float | None, statistic: _Statistic, drawn: Floats | None, clusters: int, n_classes: int, level: float
) -> Measure:
    """A chance-corrected coefficient, which has no interval where the bootstrap has no spread."""
    if value is None or np.isnan(value):
        return Measure(None, None, None, ONE_CLASS if clusters else NO_CASE)
    values = np.empty(0) if drawn is None else statistic(_square(drawn.astype(np.float64), n_classes))
    finite = values[np.isfinite(values)]
    if not len(finite) or np.ptp(finite) <= _NOTHING:
        return Measure(value, None, None, NO_SPREAD)
    return Measure(value, *expanded_percentiles(finite, clusters, level))
