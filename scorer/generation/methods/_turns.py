"""Turns that several methods share."""

from __future__ import annotations

from collections.abc import Sequence

from scorer.generation.demonstrations import Shot
from scorer.generation.messages import Message, Messages
from scorer.generation.prompts import Ask, fill


def single_turn(ask: Ask, wording: str, shots: Sequence[Shot]) -> Messages:
    """The query in its wording, with its image; no demonstrations."""
    return (Message("user", fill(wording, ask.text), ask.image),)


def after_demonstrations(ask: Ask, wording: str, shots: Sequence[Shot]) -> Messages:
    """Every demonstration as a query and its answer, in the same wording, and then the item."""
    turns: list[Message] = []
    for shot in shots:
        turns.append(Message("user", fill(wording, shot.query), shot.image))
        turns.append(Message("assistant", shot.response))
    return (*turns, *single_turn(ask, wording, shots))


def whole(text: str) -> str | None:
    """All of the answer counts."""
    return text
