"""Which examples are held out together: those of an author, with all twins of their prompts out of the training too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold

from scorer.rubrics import Rubric
from scorer.training.examples import Example

FOLDS = 5
AUTHOR_FOLDS = 4
"""Groups of authors where a whole encoder is taught per fold: one fold per author would take hours."""

Ints = NDArray[np.int_]


@dataclass(frozen=True)
class HeldOut:
    """Predictions for examples whose author and prompt were both unseen; rows of `probabilities` match `rows`."""

    rows: Ints
    probabilities: NDArray[np.float64]

    @classmethod
    def of(cls, rows: Sequence[Ints], probabilities: Sequence[NDArray[np.float64]]) -> Self:
        """Folds put together in the order of the examples."""
        order = np.argsort(np.concatenate(rows))
        return cls(np.concatenate(rows)[order], np.vstack(probabilities)[order])


def teaches(examples: Sequence[Example], rubric: Rubric) -> Ints:
    """Rows of the examples that have a class under the rubric."""
    return np.array([i for i, e in enumerate(examples) if rubric.name in e.labels], dtype=int)


def is_own(example: Example, rubric: Rubric) -> bool:
    """Whether the example was labelled under this rubric, not carried over to it."""
    return example.source == {"vscbench": "reference"}.get(rubric.name, rubric.name)


def splits(examples: Sequence[Example], rubric: Rubric) -> Iterator[tuple[Ints, Ints]]:
    """(train, test) rows: every fold of prompts, split by author; each of the rubric's own examples is tested once."""
    own, authors, groups = _columns(examples, rubric)
    rows = np.flatnonzero(own)
    for _, fold in GroupKFold(FOLDS, shuffle=True, random_state=0).split(rows, groups=groups[rows]):
        for author in sorted(set(authors[rows[fold]])):
            yield _split(own, authors, groups, rows[fold][authors[rows[fold]] == author], {author})


def author_splits(examples: Sequence[Example], rubric: Rubric) -> Iterator[tuple[Ints, Ints]]:
    """(train, test) rows: a few folds of authors; each of the rubric's own examples is tested once.

    Every fourth author in the order of their names. Authors of one theme often fall into one fold, and then nothing of
    that theme has been seen: the stricter measure.
    """
    own, authors, groups = _columns(examples, rubric)
    everyone = sorted(set(authors[own].tolist()))
    for first in range(min(AUTHOR_FOLDS, len(everyone))):
        some = everyone[first::AUTHOR_FOLDS]
        yield _split(own, authors, groups, np.flatnonzero(own & np.isin(authors, some)), set(some))


def _columns(
    examples: Sequence[Example], rubric: Rubric
) -> tuple[NDArray[np.bool_], NDArray[np.str_], NDArray[np.str_]]:
    own = np.array([is_own(e, rubric) for e in examples])
    return own, np.array([e.author for e in examples]), np.array([e.group for e in examples])


def _split(
    own: NDArray[np.bool_], authors: NDArray[np.str_], groups: NDArray[np.str_], test: Ints, unseen: set[str]
) -> tuple[Ints, Ints]:
    tested = set(groups[test].tolist())
    seen = np.array([group not in tested for group in groups.tolist()])
    return np.flatnonzero(seen & ~(own & np.isin(authors, sorted(unseen)))), test
