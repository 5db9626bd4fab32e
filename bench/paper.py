"""On paper: what a 7B judge needs for all of VSCBench on one GPU, computed from the prompts' real lengths."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

from bench._data import Setup, SkippedError, labelled, sample
from bench._tables import Table
from scorer.prompting.prompt import make_prompt
from scorer.readers import read
from scorer.records import Response
from scorer.rubrics import load_rubric

_RESPONSES = 3_600
_PARAMETERS = 7e9
_PEAK = 790e12
_REACHED = 0.4
_CHARACTERS = 4


def make(setup: Setup) -> Table:
    """Prefill FLOPs of one-token judging, with and without the prefix cache; nothing is measured here but lengths."""
    prompt = make_prompt(load_rubric("vscbench"))
    responses, source = _responses(setup)
    head = len(prompt.head) / _CHARACTERS
    rest = statistics.mean(len(prompt.text(r.item.query, r.text)) - len(prompt.head) for r in responses) / _CHARACTERS
    rows = [
        _row("rubric and examples from the prefix cache", head + _RESPONSES * rest),
        _row("no prefix cache", _RESPONSES * (head + rest)),
    ]
    notes = [
        f"Computed, not measured. Lengths: the fixed head of the vscbench prompt is {len(prompt.head):,} characters, "
        f"query, response and question come to {_CHARACTERS * rest:,.0f} on average ({source}). Assumptions: "
        f"{_CHARACTERS} characters a token; 2 floating-point operations per parameter and token for {_PARAMETERS:.0e} "
        "parameters, attention left out; one token written, whose cost is left out too; "
        f"{_PEAK / 1e12:.0f} TFLOP/s as the peak of dense bfloat16 matrix products on an H200, and "
        f"{_REACHED:.0%} of it as what serving reaches. Loading the model (14 GB in bfloat16) and starting the server "
        "come on top, mostly a minute or two.",
    ]
    header = ["3,600 responses, 7B judge, one H200", "tokens read", "PFLOP", "seconds at peak", "seconds at 40 %"]
    return Table("On paper", header, rows, notes)


def _row(name: str, tokens: float) -> list[str]:
    work = 2 * _PARAMETERS * tokens
    return [
        name,
        f"{tokens / 1e6:.1f} million",
        f"{work / 1e15:.0f}",
        f"{work / _PEAK:.0f}",
        f"{work / _PEAK / _REACHED:.0f}",
    ]


def _responses(setup: Setup) -> tuple[list[Response], str]:
    try:
        return [r.response for r in labelled(setup)], "XSTest completions"
    except SkippedError:
        return list(_sample()), "the bundled sample, as the real data is absent"


def _sample() -> Iterator[Response]:
    return (r for r in read(sample()).responses if not r.missing)
