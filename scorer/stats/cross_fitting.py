"""Cross-fitting: calibrated probabilities that never saw the label they will be compared with."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import clone
from sklearn.model_selection import GroupKFold

from scorer.stats.intervals import Floats


def cross_fitted(
    calibrator: Any,
    p: ArrayLike,
    truth: ArrayLike,
    cluster: ArrayLike,
    rng: np.random.Generator,
    *,
    folds: int = 5,
    sample_weight: ArrayLike | None = None,
) -> Floats:
    """Probabilities (n,) from calibrators of which none was fitted on a label of the response's own cluster.

    `calibrator` is a scikit-learn classifier on `p`, (n,) or (n, judges); `truth` (n,) is 0 or 1, NaN where there is no
    label; `cluster` (n,) any ids. Clusters without a label get the mean over the folds' calibrators. Where the labels
    of the other folds are all of one class nothing can be fitted, and `p` itself (the judges' mean) stands in. Source:
    Zrnic & Candes (2024), "Cross-prediction-powered inference", PNAS 121 (15). Raises ValueError where fewer than two
    clusters have labels.
    """
    columns, y = np.asarray(p, dtype=float), np.asarray(truth, dtype=float)
    columns = columns.reshape(len(columns), -1)
    ids = np.unique(np.asarray(cluster), return_inverse=True)[1]
    weight = None if sample_weight is None else np.asarray(sample_weight, dtype=float)
    rows = np.flatnonzero(~np.isnan(y))
    groups = len(np.unique(ids[rows]))
    if groups < 2:
        raise ValueError(f"cross-fitting needs labels in at least two clusters, got {groups}")
    split = GroupKFold(min(folds, groups), shuffle=True, random_state=int(rng.integers(2**31)))
    fold_of, predictions = np.full(ids.max() + 1, -1), []
    for fold, (train, test) in enumerate(split.split(rows, groups=ids[rows])):
        fold_of[ids[rows[test]]] = fold
        used = rows[train]
        if len(np.unique(y[used])) < 2:
            predictions.append(columns.mean(axis=1))
            continue
        options = {} if weight is None else {"sample_weight": weight[used]}
        predictions.append(clone(calibrator).fit(columns[used], y[used], **options).predict_proba(columns)[:, 1])
    each, own = np.stack(predictions), fold_of[ids]
    out: Floats = np.where(own >= 0, each[own, np.arange(len(ids))], each.mean(axis=0))
    return out
