"""A vLLM (or compatible) server: many requests at once, images as data URLs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from scorer.endpoint.client import Answer
from scorer.endpoint.served import ServedModel
from scorer.generation.backends import Key, Outcome
from scorer.generation.messages import Message, Messages
from scorer.generation.rendering import Template
from scorer.images import ImageFault, data_url

_KEPT_IMAGES = 16
"""Images of demonstrations go along with every item."""


class VllmBackend:
    """Asks a served model. `template` tells of its chat template, None where nobody can."""

    def __init__(self, model: ServedModel, template: Callable[[], Template | None]) -> None:
        self._model = model
        self._template = cache(template)
        self._url = lru_cache(_KEPT_IMAGES)(data_url)

    def answer(self, asked: Iterable[tuple[Key, Messages]], max_new_tokens: int) -> Iterator[tuple[Key, Outcome]]:
        """As answers come; an item whose image cannot be read, or whose text would pass for one, is not sent."""
        failed: list[tuple[Key, Outcome]] = []
        settings = self._settings(max_new_tokens)
        template = self._template()

        def requests() -> Iterator[tuple[Key, dict[str, Any]]]:
            for key, messages in asked:
                if template and (reason := template.unfit(messages)):
                    failed.append((key, Outcome(None, reason)))
                    continue
                try:
                    turns = [self._turn(message) for message in messages]
                except ImageFault as fault:
                    failed.append((key, Outcome(None, f"the image: {fault.fault} ({fault.reason})")))
                else:
                    yield key, settings | {"messages": turns}

        for key, answer in self._model.complete(requests()):
            yield key, _outcome(answer)
            yield from _taken(failed)
        yield from _taken(failed)

    def _settings(self, max_new_tokens: int) -> dict[str, Any]:
        """Greedy decoding. Where the context is no longer than the answer may be, the server fills what is left."""
        self._model.place.url()  # the context can be asked of a running server alone
        context = self._model.context
        settings: dict[str, Any] = {"model": self._model.identity.model, "temperature": 0, "seed": 0}
        if context is None or max_new_tokens < context:
            settings["max_tokens"] = max_new_tokens
        if (template := self._template()) is not None:
            settings["add_special_tokens"] = template.adds_special_tokens
        return settings

    def _turn(self, message: Message) -> dict[str, Any]:
        parts: list[dict[str, Any]] = []
        if message.image:
            parts.append({"type": "image_url", "image_url": {"url": self._image(message.image)}})
        if message.text or not parts:
            parts.append({"type": "text", "text": message.text})
        return {"role": message.role, "content": parts}

    def _image(self, path: Path) -> str:
        return self._url(path)


def _taken(some: list[tuple[Key, Outcome]]) -> list[tuple[Key, Outcome]]:
    """What is in the list, which is empty then."""
    taken = list(some)
    some.clear()
    return taken


def _outcome(answer: Answer) -> Outcome:
    """What a chat completion says."""
    if answer.body is None:
        return Outcome(None, answer.failure)
    try:
        choice = answer.body["choices"][0]
        text = choice["message"]["content"]
    except (LookupError, TypeError):
        return Outcome(None, "the answer holds no choice")
    if not isinstance(text, str):
        return Outcome(None, "the answer holds no text")
    usage = answer.body.get("usage")
    counts = usage if isinstance(usage, dict) else {}
    return Outcome(
        text=text,
        finish=str(choice.get("finish_reason") or "stop"),
        prompt_tokens=_count(counts.get("prompt_tokens")),
        completion_tokens=_count(counts.get("completion_tokens")),
    )


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
