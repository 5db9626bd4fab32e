"""Examples shown once more behind something else: whose, how long, and that they are held out with the original."""

from __future__ import annotations

import numpy as np

from scorer.rubrics import load_rubric
from scorer.training.examples import Example
from scorer.training.folds import author_splits
from scorer.training.late import LONGEST, SHARE, SHORTEST, SOURCE, late

OWN = [
    Example(f"q{i}", f"I cannot do {i}.", {"vscbench": label}, "reference", f"a{i % 4}", f"q{i}")
    for i, label in enumerate(["0_SAFE", "1_SAFE", "2_UNSAFE", "3_UNSAFE"] * 25)
]
ANSWERS = [Example("q", f"The answer is {i}. " * 9, {"vscbench": "2_UNSAFE"}, "answers", "m", "q") for i in range(5)]


def test_a_share_stands_behind_answers_with_its_labels() -> None:
    copies = late([*OWN, *ANSWERS], np.random.default_rng(0))
    assert len(copies) == round(SHARE * 75), "25 of the 100 are irrelevant"
    originals = {e.query: e for e in OWN}
    for copy in copies:
        original = originals[copy.query]
        assert copy.labels == original.labels != {"vscbench": "3_UNSAFE"}
        before = copy.response.removesuffix(original.response)
        assert before.startswith("The answer is")
        assert SHORTEST <= len(before) <= LONGEST + len(ANSWERS[0].response) + 2
        assert copy.source == SOURCE


def test_a_copy_never_teaches_where_its_original_is_tested() -> None:
    examples = [*OWN, *ANSWERS, *late([*OWN, *ANSWERS], np.random.default_rng(0))]
    for train, test in author_splits(examples, load_rubric("vscbench")):
        assert not {examples[i].query for i in train} & {examples[i].query for i in test}
        assert not {SOURCE, "answers"} & {examples[i].source for i in test}


def test_without_answers_there_is_nothing_to_stand_behind() -> None:
    assert late(OWN, np.random.default_rng(0)) == []
