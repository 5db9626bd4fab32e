"""Linear models per rubric: on the vectors of an encoder that stays as it is, on n-grams, and the two pooled.

Both are multinomial logistic regressions. All of this is linear, so standardising is folded into the weights and the
pool into one head: nothing of scikit-learn is needed to judge.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from scorer.embedding.features import Floats
from scorer.embedding.heads import Head
from scorer.embedding.ngrams import BUCKETS, Grams
from scorer.rubrics import Rubric
from scorer.training.examples import Example
from scorer.training.folds import HeldOut, is_own, splits

REGULARISATION = 0.001
"""scikit-learn's C: standardised features are many and correlated, so the weights are held small."""
OWN_WEIGHT = 20.0
"""Weight of an example that was labelled under this very rubric, beside one that carries over to it."""
GRAM_REGULARISATION, GRAM_OWN_WEIGHT = 3.0, 3.0
GRAM_STEPS = 80
"""Most steps of the solver on n-grams: a bound on time where it has not converged before."""
SHARE = 0.6
"""Of either model's logits in the pool. Their mean (0.5) decides nearly alike and is too unsure of itself."""


@dataclass(frozen=True)
class Linear:
    """Logits: `weight` (classes, features) @ features + `bias` (classes,)."""

    weight: NDArray[np.float32]
    bias: NDArray[np.float32]


def fit_vectors(features: Floats, examples: Sequence[Example], rubric: Rubric) -> Linear:
    """Fit on feature rows of examples that all have a class under the rubric."""
    scaler = StandardScaler().fit(features)
    weights = _weights(examples, rubric, OWN_WEIGHT)
    model = LogisticRegression(C=REGULARISATION, max_iter=2000)
    model.fit(scaler.transform(features), _labels(examples, rubric), weights)
    coefficients, intercept = _both_sides(model)
    scaled: NDArray[np.float64] = coefficients / scaler.scale_
    return _linear(model, scaled, intercept - scaled @ scaler.mean_, len(rubric.classes))


def fit_grams(found: Sequence[Grams], examples: Sequence[Example], rubric: Rubric) -> Linear:
    """Fit on n-grams of examples that all have a class under the rubric."""
    model = LogisticRegression(C=GRAM_REGULARISATION, max_iter=GRAM_STEPS, tol=1e-3)
    model.fit(_matrix(found), _labels(examples, rubric), _weights(examples, rubric, GRAM_OWN_WEIGHT))
    return _linear(model, *_both_sides(model), len(rubric.classes))


def pooled(vectors: Linear, grams: Linear) -> Head:
    """One head of both: a logarithmic opinion pool, which is a weighted sum of logits (Genest and Zidek, 1986, 3.2)."""
    bias = SHARE * (vectors.bias + grams.bias)
    return Head(SHARE * vectors.weight, bias, (SHARE * grams.weight).T.astype(np.float16))


def fit(features: Floats, found: Sequence[Grams], examples: Sequence[Example], rubric: Rubric) -> Head:
    """Both models on all given examples, each of which has a class under the rubric."""
    return pooled(fit_vectors(features, examples, rubric), fit_grams(found, examples, rubric))


def held_out(features: Floats, found: Sequence[Grams], examples: Sequence[Example], rubric: Rubric) -> HeldOut:
    """Predict each of the rubric's own examples by a head that saw neither its author nor its prompt's twins."""
    rows, probabilities = [], []
    for train, test in splits(examples, rubric):
        rows.append(test)
        head = fit(features[train], [found[i] for i in train], [examples[i] for i in train], rubric)
        probabilities.append(head.probabilities(features[test], [found[i] for i in test]))
    return HeldOut.of(rows, probabilities)


def _labels(examples: Sequence[Example], rubric: Rubric) -> NDArray[np.int_]:
    return np.array([rubric.class_ids.index(e.labels[rubric.name]) for e in examples])


def _weights(examples: Sequence[Example], rubric: Rubric, own: float) -> NDArray[np.float64]:
    return np.array([own if is_own(e, rubric) else 1.0 for e in examples])


def _matrix(found: Sequence[Grams]) -> csr_matrix:
    """(n, BUCKETS), where n-grams that share a column add up."""
    ends = np.cumsum([0, *(len(one.columns) for one in found)])
    values, columns = (np.concatenate([one[k] for one in found]) for k in (1, 0))
    return csr_matrix((values, columns, ends), shape=(len(found), BUCKETS))


def _both_sides(model: LogisticRegression) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights and biases of every class that the model saw; of two, scikit-learn keeps one side alone."""
    if len(model.classes_) > 2:
        return model.coef_, model.intercept_
    side, bias = model.coef_[0] / 2, model.intercept_[0] / 2
    return np.vstack([-side, side]), np.array([-bias, bias])


def _linear(
    model: LogisticRegression, coefficients: NDArray[np.float64], intercept: NDArray[np.float64], classes: int
) -> Linear:
    """A class that was never seen is never given."""
    weight = np.zeros((classes, coefficients.shape[1]), dtype=np.float32)
    bias = np.full(classes, -1e9, dtype=np.float32)
    weight[model.classes_] = coefficients
    bias[model.classes_] = intercept
    return Linear(weight, bias)
