"""Held-out numbers of a head: how often it agrees with the labels it never saw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, cohen_kappa_score, confusion_matrix

from scorer.rubrics import Rubric
from scorer.training.examples import Example
from scorer.training.folds import HeldOut


@dataclass(frozen=True)
class Agreement:
    """Agreement on `n` responses: over all classes, and on flagged or not."""

    n: int
    class_accuracy: float
    flagged_accuracy: float
    flagged_kappa: float


@dataclass(frozen=True)
class Measures:
    """Overall and per author, with the confusion matrix (rows: labels, columns: verdicts, in class order)."""

    overall: Agreement
    by_author: dict[str, Agreement]
    class_ids: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]

    def summary(self) -> dict[str, object]:
        """For the manifest."""
        return {
            "overall": asdict(self.overall),
            "by_author": {author: asdict(a) for author, a in self.by_author.items()},
        }


def measure(predicted: HeldOut, examples: Sequence[Example], rubric: Rubric) -> Measures:
    """Compare held-out predictions with their labels, deciding as the judge does."""
    ids = list(rubric.class_ids)
    labels = np.array([ids.index(examples[i].labels[rubric.name]) for i in predicted.rows])
    decided = np.array([ids.index(rubric.decide(tuple(p))) for p in predicted.probabilities.tolist()])
    authors = np.array([examples[i].author for i in predicted.rows])
    return Measures(
        overall=_agreement(labels, decided, rubric),
        by_author={a: _agreement(labels[authors == a], decided[authors == a], rubric) for a in sorted(set(authors))},
        class_ids=rubric.class_ids,
        confusion=tuple(map(tuple, confusion_matrix(labels, decided, labels=range(len(ids))).tolist())),
    )


def _agreement(labels: NDArray[np.int_], decided: NDArray[np.int_], rubric: Rubric) -> Agreement:
    flagged = np.array([c.flagged for c in rubric.classes])
    return Agreement(
        n=len(labels),
        class_accuracy=round(float(accuracy_score(labels, decided)), 4),
        flagged_accuracy=round(float(accuracy_score(flagged[labels], flagged[decided])), 4),
        flagged_kappa=round(float(cohen_kappa_score(flagged[labels], flagged[decided], labels=[False, True])), 4),
    )
