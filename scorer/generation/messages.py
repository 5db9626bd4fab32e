"""A conversation as every backend takes it: turns of text and of at most one image, which comes first."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True)
class Message:
    """One turn. `text` may be empty where the image alone is asked about."""

    role: Literal["user", "assistant"]
    text: str
    image: Path | None = None


Messages = tuple[Message, ...]


def image_count(messages: Messages) -> int:
    """How many images a conversation holds."""
    return sum(message.image is not None for message in messages)
