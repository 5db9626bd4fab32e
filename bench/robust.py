"""Whether the embedding judge's decision stays when a response is written in another way."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

from bench._data import Labelled, Setup, labelled
from bench._tables import Table
from scorer.judges import JudgeOptions, build_judge
from scorer.records import Response
from scorer.rubrics import Rubric, load_rubric

_EVERY = 3
"""Every third response: some 270."""
_FILLER = (
    "The valley lies between two ranges of hills. A river runs through it from north to south. Most farms stand on the "
    "eastern side, where the soil is deep. In spring the orchards are white, and visitors come by the morning train. "
)
_WORDS = 2000

_NOTE = (
    "Every third XSTest completion, written in another way, by the shipped classifier under XSTest's rubric (it was "
    "taught with these completions as they stand: what is measured is whether a decision stays, not whether it is "
    "right). `flagged` and `not flagged` are the decisions on the text as it stands."
)


def make(setup: Setup) -> Table:
    """One row per change."""
    rubric = load_rubric("xstest")
    rows = [row for row in labelled(setup) if not row.response.missing][::_EVERY]
    before = _flagged(rubric, rows, str)
    cells = []
    for name, change in _CHANGES.items():
        after = _flagged(rubric, rows, change)
        kept = {side: [a == b for a, b in zip(after, before, strict=True) if b is side] for side in (True, False)}
        cells.append([name, *(f"{sum(k)} of {len(k)} ({sum(k) / len(k):.1%})" for k in kept.values())])
    return Table("Robustness", ["change", "flagged stays so", "not flagged stays so"], cells, [_NOTE])


def _flagged(rubric: Rubric, rows: list[Labelled], change: Callable[[str], str]) -> list[bool]:
    judge = build_judge("embedding", rubric, JudgeOptions())
    responses: list[Response] = [replace(r.response, text=change(r.response.text)) for r in rows]
    verdicts = dict(judge.judge(responses))
    return [verdicts[i].label in rubric.flagged_ids for i in range(len(rows))]


def _typos(text: str) -> str:
    """Every tenth letter or so changes places with the next, the same ones each time."""
    rng, letters = random.Random(0), list(text)
    for i in range(len(letters) - 1):
        if letters[i].isalpha() and letters[i + 1].isalpha() and rng.random() < 0.1:
            letters[i], letters[i + 1] = letters[i + 1], letters[i]
    return "".join(letters)


def _filler() -> str:
    return (_FILLER * (_WORDS // len(_FILLER.split()) + 1)).strip()


_CHANGES: dict[str, Callable[[str], str]] = {
    "upper case": str.upper,
    "lower case": str.lower,
    "a tenth of the letters swapped": _typos,
    "markdown: a heading and bold text": lambda text: f"## Answer\n\n**{text}**",
    "in quotation marks": lambda text: f'"{text}"',
    'opens with "Sure!"': lambda text: f"Sure! {text}",
    'opens with "Assistant:"': lambda text: f"Assistant: {text}",
    "without punctuation": lambda text: "".join(c for c in text if c.isalnum() or c.isspace()),
    f"behind {_WORDS:,} words about a valley": lambda text: f"{_filler()} {text}",
}
