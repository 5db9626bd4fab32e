"""Fit one linear head per rubric on frozen embeddings, and predict held out.

A head is multinomial logistic regression on standardised features, the embeddings first reduced by a principal
component analysis that saw training sentences alone. All of this is linear, so it is folded into one weight matrix on
the raw features: nothing of scikit-learn is needed to judge.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.preprocessing import StandardScaler

from scorer.embedding.features import VECTOR_BLOCKS, Floats, lexical_size
from scorer.embedding.heads import Head
from scorer.rubrics import Rubric
from scorer.training.examples import Example

COMPONENTS = 64
REGULARISATION = 0.001
"""scikit-learn's C: standardised features are many and correlated, so the weights are held small."""
PEOPLE_WEIGHT = 20.0
"""Weight of an example that people labelled under this very rubric, beside one that carries over to it."""
FOLDS = 5

Array = NDArray[np.float64]


@dataclass(frozen=True)
class HeldOut:
    """Predictions for examples whose author and prompt were both unseen; rows of `probabilities` match `rows`."""

    rows: NDArray[np.int_]
    probabilities: Array


def teaches(examples: Sequence[Example], rubric: Rubric) -> NDArray[np.int_]:
    """Rows of the examples that have a class under the rubric."""
    return np.array([i for i, e in enumerate(examples) if rubric.name in e.labels], dtype=int)


def fit(features: Floats, examples: Sequence[Example], rubric: Rubric, seed: int) -> Head:
    """Fit a head on all given examples, each of which has a class under the rubric."""
    labels = np.array([rubric.class_ids.index(e.labels[rubric.name]) for e in examples])
    weights = np.array([PEOPLE_WEIGHT if _own(e, rubric) else 1.0 for e in examples])
    lexical, blocks = features[:, : lexical_size()], _blocks(features)
    pca = PCA(COMPONENTS, random_state=seed).fit(blocks.reshape(-1, blocks.shape[-1]))
    reduced = np.hstack([lexical, *(pca.transform(blocks[:, b]) for b in range(VECTOR_BLOCKS))])
    scaler = StandardScaler().fit(reduced)
    model = LogisticRegression(C=REGULARISATION, max_iter=2000).fit(scaler.transform(reduced), labels, weights)
    return _fold(model, scaler, pca, len(rubric.classes))


def held_out(features: Floats, examples: Sequence[Example], rubric: Rubric, seed: int) -> HeldOut:
    """Predict each of the rubric's own examples by a head that saw neither its author nor its prompt's twins."""
    own = np.array([_own(e, rubric) for e in examples])
    authors = np.array([e.author for e in examples])
    groups = np.array([e.group for e in examples])
    rows, probabilities = [], []
    for train, test in _splits(own, authors, groups):
        head = fit(features[train], [examples[i] for i in train], rubric, seed)
        rows.append(test)
        probabilities.append(head.probabilities(features[test]))
    order = np.argsort(np.concatenate(rows))
    return HeldOut(np.concatenate(rows)[order], np.vstack(probabilities)[order])


def _own(example: Example, rubric: Rubric) -> bool:
    """Whether the example was labelled under this rubric, not carried over to it."""
    return example.source == {"vscbench": "reference"}.get(rubric.name, rubric.name)


def _splits(
    own: NDArray[np.bool_], authors: NDArray[np.str_], groups: NDArray[np.str_]
) -> Iterator[tuple[NDArray[np.int_], NDArray[np.int_]]]:
    rows = np.flatnonzero(own)
    folds = GroupKFold(FOLDS, shuffle=True, random_state=0)
    for _, fold in folds.split(rows, groups=groups[rows]):
        test_groups = set(groups[rows[fold]])
        seen = np.array([g not in test_groups for g in groups])
        for author in sorted(set(authors[rows[fold]])):
            test = rows[fold][authors[rows[fold]] == author]
            yield np.flatnonzero(seen & ~(own & (authors == author))), test


def _blocks(features: Floats) -> Floats:
    vectors = features[:, lexical_size() :]
    return vectors.reshape(len(features), VECTOR_BLOCKS, -1)


def _fold(model: LogisticRegression, scaler: StandardScaler, pca: PCA, classes: int) -> Head:
    """One matrix for: reduce the blocks, standardise, multiply."""
    if len(model.classes_) == 2:
        coefficients = np.vstack([-model.coef_[0], model.coef_[0]]) / 2
        intercept = np.array([-model.intercept_[0], model.intercept_[0]]) / 2
    else:
        coefficients, intercept = model.coef_, model.intercept_
    scaled = coefficients / scaler.scale_
    bias = intercept - scaled @ scaler.mean_
    size = lexical_size()
    parts = [scaled[:, :size]]
    for block in range(VECTOR_BLOCKS):
        reduced = scaled[:, size + block * COMPONENTS : size + (block + 1) * COMPONENTS]
        parts.append(reduced @ pca.components_)
        bias = bias - parts[-1] @ pca.mean_
    weight = np.full((classes, sum(p.shape[1] for p in parts)), 0.0)
    weight[model.classes_] = np.hstack(parts)
    full_bias = np.full(classes, -1e9)
    full_bias[model.classes_] = bias
    return Head(weight.astype(np.float32), full_bias.astype(np.float32))
