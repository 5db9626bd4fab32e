"""One row of the table of responses, as `scorer score` reads it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from scorer.assets import file_sha256
from scorer.generation.backends import Outcome
from scorer.generation.prompts import Ask
from scorer.records import Item


def row_of(
    item: Item, ask: Ask, prompt: str, outcome: Outcome, target: str, method: str, final: Callable[[str], str | None]
) -> dict[str, Any]:
    """`query` is what a judge reads, `prompt` what the target read last, `response` what counts of its answer.

    `final` finds that. An answer without it counts whole, or, where it was cut off before its end, as failed: what it
    would have said nobody knows.
    """
    response, reason, note = outcome.text, outcome.reason, None
    if outcome.text is not None:
        response = final(outcome.text)
        if response is None and outcome.finish == "length":
            reason = f"cut off after {outcome.completion_tokens} tokens, before its final answer"
        elif response is None:
            response, note = outcome.text, "no final answer is marked: all of the answer counts"
    return {
        **{"item_id": item.item_id, "target": target, "method": method, "scenario": item.scenario},
        **{"channel": item.channel, "category": item.category, "group_id": item.group_id, "expects": item.expects},
        **{"query": item.query, "image": item.image, "prompt": prompt},
        "image_sha256": image_sha256(ask.image),
        **{"response": None if response is None else response.strip(), "status": "ok" if reason is None else "error"},
        **{"reason": reason, "note": note, "whole_response": outcome.text if response != outcome.text else None},
        **{"finish": outcome.finish, "prompt_tokens": outcome.prompt_tokens},
        "completion_tokens": outcome.completion_tokens,
    }


def image_sha256(image: Path | None) -> str | None:
    """What tells whether another image lies under a name; None without an image that can be read."""
    if image is not None:
        with suppress(OSError):
            return file_sha256(image)
    return None
