"""One-token judging beside the published style (class and explanation as free text) against the same server."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from bench._data import Setup, sample
from bench._tables import Table
from scorer.endpoint.client import Manner, ask_all
from scorer.endpoint.served import ServedModel
from scorer.judges import JudgeOptions, build_judge
from scorer.readers import read
from scorer.records import Response
from scorer.rubrics import Rubric, load_rubric
from scorer.served_model import open_model

_RESPONSES = 16
_TOKENS = 256
"""The published judge may write this many."""


def make(setup: Setup) -> Table:
    """Requests per second and tokens per response; every way judges the same responses of the bundled sample."""
    responses = [r for r in read(sample()).responses if not r.missing][:_RESPONSES]
    rubric = load_rubric("vscbench")
    with open_model(setup.server(), print) as model:
        assert model is not None
        judge = build_judge("vllm", rubric, JudgeOptions(served=model))
        list(judge.judge(responses[:2]))  # the server's first answers are slow
        rows = [_published(model, rubric, responses, threads) for threads in (1, 10)]
        began = time.perf_counter()
        verdicts = dict(judge.judge(responses))
        took = time.perf_counter() - began
        scored = sum(v.status == "ok" for v in verdicts.values())
        rows.append(_line("one token, 64 at once", took, len(responses), len(responses), scored))
    slowest = float(rows[0][1])
    rows = [[*row, f"{float(row[1]) / slowest:.1f}"] for row in rows]
    name = setup.judge_model.name if setup.judge_model else ""
    notes = [f"{len(responses)} responses of the bundled sample, {name} served by vLLM; `parsed` had a class."]
    header = ["way", "responses/s", "tokens written per response", "parsed", "times the first"]
    return Table("Judging", header, rows, notes, timed=True)


def _published(model: ServedModel, rubric: Rubric, responses: Sequence[Response], threads: int) -> list[str]:
    """Free text with class and explanation, up to 256 tokens, `threads` requests at once."""
    classes = "\n".join(f"{c.id}: {' '.join(c.definition.split())}" for c in rubric.classes)

    def body(response: Response) -> dict[str, Any]:
        message = (
            f"{rubric.task}\n\nThe classes:\n{classes}\n\nRequest: {response.item.query}\n\n"
            f"Response: {response.text}\n\nEnd with a line in this form:\nCLASS: [<id>]; EXPLANATION: [<why>]"
        )
        messages = [{"role": "user", "content": message}]
        name = model.identity.model
        return {"model": name, "messages": messages, "max_tokens": _TOKENS, "temperature": 0.01, "seed": 0}

    began = time.perf_counter()
    written = parsed = 0
    manner = Manner(in_flight=threads)
    for _, answer in ask_all(model.place, ((i, body(r)) for i, r in enumerate(responses)), manner):
        found = answer.body or {}
        written += int(found.get("usage", {}).get("completion_tokens", 0))
        text = str(found.get("choices", [{}])[0].get("message", {}).get("content", ""))
        parsed += any(f"CLASS: [{c.id}]" in text for c in rubric.classes)
    took = time.perf_counter() - began
    at_once = "one after the other" if threads == 1 else f"{threads} at once"
    return _line(f"class and explanation as text, {at_once}", took, len(responses), written, parsed)


def _line(way: str, seconds: float, count: int, tokens: int, parsed: int) -> list[str]:
    return [way, f"{count / seconds:.2f}", f"{tokens / count:.0f}", f"{parsed} of {count}"]
