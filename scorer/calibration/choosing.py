"""Which calibrator: cross-validated log loss with groups kept together, and the simpler one in doubt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.model_selection import GroupKFold

from scorer.calibration.calibrators import CALIBRATORS, EDGE, Calibrator, Floats

_Ids = NDArray[np.intp]


@dataclass(frozen=True)
class Candidate:
    """A calibrator's cross-validated `log_loss` (nats per case), and how far it is above the best's.

    `excess_error` is the standard error of `excess`, from the groups' sums of paired differences.
    """

    name: str
    log_loss: float
    excess: float
    excess_error: float
    chosen: bool


def choose(
    p: ArrayLike,
    y: ArrayLike,
    groups: ArrayLike,
    rng: np.random.Generator,
    *,
    sample_weight: ArrayLike | None = None,
    folds: int = 5,
) -> tuple[str, Calibrator, tuple[Candidate, ...]]:
    """(name, calibrator fitted on everything, table) for probabilities p (n,), labels y (n,) 0/1, group ids (n,).

    The simplest whose log loss is within one standard error of the best's, the error being that of their paired
    difference: the one-standard-error rule of Breiman et al. (1984), Classification and Regression Trees, section
    3.4.3. A fold whose other labels are all of one class can fit nothing, and every candidate leaves it as it is.
    Raises ValueError where there are fewer than two groups or y is of one class only.
    """
    column, labels = np.asarray(p, dtype=float).reshape(-1, 1), np.asarray(y, dtype=float)
    ids = np.unique(np.asarray(groups), return_inverse=True)[1]
    weight = np.ones(len(labels)) if sample_weight is None else np.asarray(sample_weight, dtype=float)
    if not len(column) == len(labels) == len(ids) == len(weight):
        raise ValueError("probabilities, labels, groups and weights must be equally long")
    n_groups, found = len(np.unique(ids)), np.unique(labels)
    if found.tolist() != [0.0, 1.0]:
        raise ValueError(f"calibration needs labels 0 and 1, both of them, got {found.tolist()}")
    if n_groups < 2:
        raise ValueError("calibration needs labels in at least two groups, got one")
    losses = _losses(column, labels, ids, weight, min(folds, n_groups), rng)
    means = np.average(losses, axis=1, weights=weight)
    best = int(np.argmin(means))
    excess = [_excess(row - losses[best], ids, weight) for row in losses]
    chosen = next(k for k, (value, error) in enumerate(excess) if value <= error)
    table = tuple(
        Candidate(each.kind, float(means[k]), *excess[k], chosen=k == chosen) for k, each in enumerate(CALIBRATORS)
    )
    return CALIBRATORS[chosen].kind, CALIBRATORS[chosen]().fit(column, labels, weight), table


def _losses(column: Floats, y: Floats, ids: _Ids, weight: Floats, folds: int, rng: np.random.Generator) -> Floats:
    """(candidates, n) log loss of every case by calibrators not fitted on its group."""
    losses = np.empty((len(CALIBRATORS), len(y)))
    split = GroupKFold(folds, shuffle=True, random_state=int(rng.integers(2**31)))
    for train, test in split.split(column, groups=ids):
        for k, kind in enumerate(CALIBRATORS):
            q = column[test, 0]
            if len(np.unique(y[train])) > 1:
                q = kind().fit(column[train], y[train], weight[train]).predict_proba(column[test])[:, 1]
            q = np.clip(q, EDGE, 1 - EDGE)
            losses[k, test] = -np.log(np.where(y[test] == 1, q, 1 - q))
    return losses


def _excess(difference: Floats, ids: _Ids, weight: Floats) -> tuple[float, float]:
    """Weighted mean of paired differences and its standard error over groups."""
    mean = float(np.average(difference, weights=weight))
    sums = np.bincount(ids, weight * (difference - mean)) / weight.sum()
    n = len(sums)
    return mean, float(np.sqrt(sums @ sums * n / (n - 1)))
