"""How many tokens a generation will take: measured with the model's own processor, or by a stated rule of thumb."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from scorer.errors import ScorerError
from scorer.generation.messages import Messages, image_count

if TYPE_CHECKING:
    from scorer.generation.rendering import Renderer

CHARACTERS_PER_TOKEN = 4
TURN_TOKENS = 8
IMAGE_TOKENS = 576
"""LLaVA-1.5's: 24 x 24 patches. Models that cut an image into tiles take 1,000 to 3,000."""
ANSWER_TOKENS = 250
"""What a chat model's answer takes on average, roughly; a target that refuses takes fewer."""
RULE = (
    f"by rule of thumb: {CHARACTERS_PER_TOKEN} characters a token, {TURN_TOKENS} tokens a turn, {IMAGE_TOKENS} an image"
)
SAMPLE = 64


@dataclass(frozen=True)
class TokenEstimate:
    """Tokens of all items that are to be asked. `how` says in words where the number of prompt tokens comes from."""

    items: int
    prompt_tokens: int
    longest_prompt: int
    """Among the items that were looked at."""
    answer_tokens: int
    """If answers are of average length."""
    most_answer_tokens: int
    """If every answer is as long as it may be."""
    how: str
    there: int = 0
    """Further items, whose answers are there already."""

    def seconds(self, rate: float) -> float:
        """Time to write the answers at `rate` tokens a second over all; reading the prompts comes on top."""
        return self.answer_tokens / rate


def estimate(
    conversations: Iterable[Messages], items: int, max_new_tokens: int, folder: Path | None = None
) -> TokenEstimate:
    """Look at every n-th of `items` conversations, some 64 in all, and scale up.

    `folder` is the model's, where it is on this machine; without it, or where its processor cannot be used, the rule
    of thumb holds. Items that the processor cannot read, such as one with a broken image, take no part in the mean.
    """
    step = max(1, items // SAMPLE)
    sample = list(islice(conversations, 0, None, step))
    lengths, how = _measured(sample, folder) if folder else [], RULE
    if lengths:
        how = f"measured with the processor of {folder} on {len(lengths):,} of {items:,} items"
    lengths = lengths or [_by_rule(messages) for messages in sample]
    return TokenEstimate(
        items=items,
        prompt_tokens=round(items * sum(lengths) / max(1, len(lengths))),
        longest_prompt=max(lengths, default=0),
        answer_tokens=items * min(ANSWER_TOKENS, max_new_tokens),
        most_answer_tokens=items * max_new_tokens,
        how=how,
    )


def _measured(sample: list[Messages], folder: Path) -> list[int]:
    """The lengths by the model's own processor, of what it can read; empty where it cannot be used."""
    if not sample:
        return []
    from scorer.generation.rendering import Renderer  # torch comes with it

    try:
        renderer = Renderer(folder)
    except ScorerError:
        return []
    return [length for messages in sample if (length := _length(renderer, messages)) is not None]


def _length(renderer: Renderer, messages: Messages) -> int | None:
    try:
        return int(renderer.inputs([messages])["input_ids"].shape[1])
    except Exception:  # a broken image, or whatever a processor raises: the item will fail with that when it is asked
        return None


def _by_rule(messages: Messages) -> int:
    characters = sum(len(message.text) for message in messages)
    return characters // CHARACTERS_PER_TOKEN + len(messages) * TURN_TOKENS + image_count(messages) * IMAGE_TOKENS
