"""Fit a linear head per rubric on the vectors of an encoder that stays as it is, and predict held out.

A head is multinomial logistic regression on standardised features. All of this is linear, so it is folded into one
weight matrix on the raw features: nothing of scikit-learn is needed to judge.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from scorer.embedding.features import Floats
from scorer.embedding.heads import Head
from scorer.rubrics import Rubric
from scorer.training.examples import Example
from scorer.training.folds import HeldOut, is_own, splits

REGULARISATION = 0.001
"""scikit-learn's C: standardised features are many and correlated, so the weights are held small."""
OWN_WEIGHT = 20.0
"""Weight of an example that was labelled under this very rubric, beside one that carries over to it."""


def fit(features: Floats, examples: Sequence[Example], rubric: Rubric) -> Head:
    """Fit a head on all given examples, each of which has a class under the rubric."""
    labels = np.array([rubric.class_ids.index(e.labels[rubric.name]) for e in examples])
    weights = np.array([OWN_WEIGHT if is_own(e, rubric) else 1.0 for e in examples])
    scaler = StandardScaler().fit(features)
    model = LogisticRegression(C=REGULARISATION, max_iter=2000).fit(scaler.transform(features), labels, weights)
    return _fold(model, scaler, len(rubric.classes))


def held_out(features: Floats, examples: Sequence[Example], rubric: Rubric) -> HeldOut:
    """Predict each of the rubric's own examples by a head that saw neither its author nor its prompt's twins."""
    rows, probabilities = [], []
    for train, test in splits(examples, rubric):
        rows.append(test)
        probabilities.append(fit(features[train], [examples[i] for i in train], rubric).probabilities(features[test]))
    return HeldOut.of(rows, probabilities)


def _fold(model: LogisticRegression, scaler: StandardScaler, classes: int) -> Head:
    """One matrix for: standardise, multiply."""
    if len(model.classes_) == 2:
        coefficients = np.vstack([-model.coef_[0], model.coef_[0]]) / 2
        intercept = np.array([-model.intercept_[0], model.intercept_[0]]) / 2
    else:
        coefficients, intercept = model.coef_, model.intercept_
    scaled: NDArray[np.float64] = coefficients / scaler.scale_
    weight = np.zeros((classes, scaled.shape[1]), dtype=np.float32)
    bias = np.full(classes, -1e9, dtype=np.float32)
    weight[model.classes_] = scaled
    bias[model.classes_] = intercept - scaled @ scaler.mean_
    return Head(weight, bias)
