"""The two stages in which encoder and heads are taught together, and what they predict held out.

First stage: examples that no people labelled (written for this project, captions, answers). Second stage: people's
labels, with as many examples of the first stage again so that nothing is forgotten. What people labelled is small and
the first stage long, so folds over people's examples start from the same first stage: it never saw any of them.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from scorer.embedding.encoder import Encoder
from scorer.embedding.heads import Head
from scorer.rubrics import Rubric
from scorer.training.examples import Example
from scorer.training.finetune import Material, Student, linear_of, prepare, rows_of, teach
from scorer.training.fit import fit_grams, pooled
from scorer.training.folds import HeldOut, Ints, author_splits, splits

PEOPLE = "xstest"
"""The source whose labels come from people."""
FIRST_EPOCHS, FIRST_RATE = 3, 7e-4
SECOND_EPOCHS, SECOND_RATE = 3, 4e-4

Say = Callable[[str], None]
Probabilities = NDArray[np.float64]


@dataclass(frozen=True)
class Course:
    """Everything that teaching needs: the examples, ready for the upper layers, and their classes per rubric."""

    encoder: Encoder
    examples: Sequence[Example]
    rubrics: Sequence[Rubric]
    material: Material
    labels: Mapping[str, Ints]
    people: NDArray[np.bool_]
    seed: int

    @classmethod
    def of(cls, encoder: Encoder, examples: Sequence[Example], rubrics: Sequence[Rubric], seed: int) -> Course:
        """Run the lower layers once over all examples."""
        labels = {
            rubric.name: np.array(
                [rubric.class_ids.index(e.labels[rubric.name]) if rubric.name in e.labels else -1 for e in examples]
            )
            for rubric in rubrics
        }
        people = np.array([e.source == PEOPLE for e in examples])
        material = prepare(encoder, [(e.query, e.response) for e in examples])
        return cls(encoder, examples, rubrics, material, labels, people, seed)

    def first(self, rows: Ints) -> Student:
        """A new student, taught with those of the rows that no people labelled."""
        student = Student(self.encoder, {r.name: len(r.classes) for r in self.rubrics}, self.seed)
        return self._teach(student, rows[~self.people[rows]], FIRST_EPOCHS, FIRST_RATE)

    def second(self, student: Student, rows: Ints) -> Student:
        """The student's copy, taught with people's labels among the rows and as many of the others again."""
        people, others = rows[self.people[rows]], rows[~self.people[rows]]
        again = np.random.default_rng(self.seed).choice(others, min(len(people), len(others)), replace=False)
        return self._teach(copy.deepcopy(student), np.concatenate([people, again]), SECOND_EPOCHS, SECOND_RATE)

    def head(self, student: Student, rubric: Rubric, rows: Ints) -> Head:
        """The student's head for a rubric, pooled with a model of n-grams of the rows that it was taught with."""
        rows = rows[self.labels[rubric.name][rows] >= 0]
        found, examples = [self.material.grams[i] for i in rows], [self.examples[i] for i in rows]
        return pooled(linear_of(student, rubric.name), fit_grams(found, examples, rubric))

    def probabilities(self, student: Student, rubric: Rubric, taught: Ints, rows: Ints) -> Probabilities:
        """(n, classes) under a rubric of some rows, as the judge would give them."""
        found = [self.material.grams[i] for i in rows]
        return self.head(student, rubric, taught).probabilities(rows_of(student, self.material, rows), found)

    def _teach(self, student: Student, rows: Ints, epochs: int, rate: float) -> Student:
        if len(rows) == 0:
            return student
        return teach(student, self.material, rows, self.labels, epochs=epochs, rate=rate, seed=self.seed)


@dataclass(frozen=True)
class Graduate:
    """The student taught with everything, its heads, and what was measured on the way, held out, by rubric.

    `source_unseen` are predictions after the first stage: of people's examples, none of which it saw.
    """

    student: Student
    heads: dict[str, Head]
    held_out: dict[str, HeldOut]
    source_unseen: dict[str, HeldOut]


def educate(encoder: Encoder, examples: Sequence[Example], rubrics: Sequence[Rubric], seed: int, say: Say) -> Graduate:
    """Teach with everything, and once per fold for the held-out predictions; folds learn side by side, a thread each.

    A rubric whose own examples people labelled is held out by prompt and author in the second stage, every other one by
    groups of authors through both.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        say(f"{len(examples)} examples; running the encoder's lower layers over them")
        course = Course.of(encoder, examples, rubrics, seed)
        everything = np.arange(len(examples))
        with ThreadPoolExecutor(os.cpu_count(), initializer=torch.set_num_threads, initargs=(1,)) as pool:
            say("teaching the first stage with all examples, and a fold of authors each")
            taught = pool.submit(course.first, everything)
            folds = [
                (rubric, test, pool.submit(_through_both, course, rubric, train, test))
                for rubric in rubrics
                if rubric.name != PEOPLE
                for train, test in author_splits(examples, rubric)
            ]
            student = taught.result()
            say("teaching the second stage, and a fold of people's labels each")
            graduate = pool.submit(course.second, student, everything)
            folds += [
                (rubric, test, pool.submit(_through_second, course, student, rubric, train, test))
                for rubric in rubrics
                if rubric.name == PEOPLE
                for train, test in splits(examples, rubric)
            ]
            done = [(rubric.name, test, future.result()) for rubric, test, future in folds]
            final = graduate.result()
        held_out = {
            name: HeldOut.of([t for n, t, _ in done if n == name], [p for n, _, p in done if n == name])
            for name in dict.fromkeys(n for n, _, _ in done)
        }
        people, others = np.flatnonzero(course.people), np.flatnonzero(~course.people)
        unseen = {
            r.name: HeldOut(people, course.probabilities(student, r, others, people))
            for r in rubrics
            if r.name == PEOPLE
        }
        return Graduate(final, {r.name: course.head(final, r, everything) for r in rubrics}, held_out, unseen)
    finally:
        torch.set_num_threads(threads)


def _through_both(course: Course, rubric: Rubric, train: Ints, test: Ints) -> Probabilities:
    return course.probabilities(course.second(course.first(train), train), rubric, train, test)


def _through_second(course: Course, student: Student, rubric: Rubric, train: Ints, test: Ints) -> Probabilities:
    return course.probabilities(course.second(student, train), rubric, train, test)
