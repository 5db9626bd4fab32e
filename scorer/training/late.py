"""Examples whose own words stand behind much else: a late refusal is to be found, a long start to decide nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from scorer.training.examples import Example, load_examples

SOURCE = "late"
SHARE = 0.1
"""How many of the project's own examples are shown a second time, behind something else."""
SHORTEST, LONGEST = 200, 12_000
"""Characters put before them, drawn evenly on a logarithmic scale: a few sentences to some 2,000 words."""
_IRRELEVANT = "3_UNSAFE"


def taught_examples(paths: Sequence[Path], seed: int) -> list[Example]:
    """All examples that a training with this data and seed teaches, the late ones last."""
    rng = np.random.default_rng(seed)
    examples = load_examples(paths, rng)
    return examples + late(examples, rng)


def late(examples: Sequence[Example], rng: np.random.Generator) -> list[Example]:
    """Copies of some of the project's own examples behind answers to harmless questions; labels stay.

    What is irrelevant is left out: behind an answer it might be taken for a digression. A copy keeps its query as
    group, so it is held out wherever the original is; none where there are no such answers.
    """
    own = [e for e in examples if e.source == "reference" and e.labels.get("vscbench") != _IRRELEVANT]
    answers = [e.response for e in examples if e.source == "answers"]
    if not answers:
        return []
    some = rng.choice(len(own), size=round(SHARE * len(own)), replace=False)
    return list(_behind([own[int(i)] for i in some], answers, rng))


def _behind(some: Sequence[Example], answers: Sequence[str], rng: np.random.Generator) -> Iterator[Example]:
    for example in some:
        room = float(np.exp(rng.uniform(np.log(SHORTEST), np.log(LONGEST))))
        before = ""
        while len(before) < room:
            before += answers[int(rng.integers(len(answers)))].strip() + "\n\n"
        yield replace(example, response=before + example.response, source=SOURCE)
