"""What answers: one backend a file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

from scorer.generation.messages import Messages

Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one conversation: `text`, or the `reason` why there is none.

    `finish` is `stop`, or `length` where the answer was cut off; token counts are None where nobody counted.
    """

    text: str | None
    reason: str | None = None
    finish: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class Backend(Protocol):
    """A model that answers conversations, greedily."""

    def answer(self, asked: Iterable[tuple[Key, Messages]], max_new_tokens: int) -> Iterator[tuple[Key, Outcome]]:
        """(key, outcome) as they come, each key once; conversations are taken from `asked` as there is room.

        Raises ServerError where the model itself cannot go on.
        """
        ...
