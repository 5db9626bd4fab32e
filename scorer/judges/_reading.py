"""Texts for a judge that reads: neutral, and cut to what it can read, head and tail kept."""

from __future__ import annotations

from dataclasses import dataclass

from scorer.endpoint.served import ServedModel
from scorer.prompting.neutral import neutralise
from scorer.prompting.prompt import Prompt
from scorer.records import Response

_SLACK = 64
"""Tokens for the chat template, the marks and the answer."""
_HEAD = 0.6
"""Share of what is kept that comes from the beginning: refusals mostly stand there, warnings at the end."""
_CHARACTERS = 2
"""Characters counted as one token where the server offers no tokenizer: too many tokens rather than too few."""
_CUT = "\n[... {left} {unit} of the {what} left out here ...]\n"


@dataclass(frozen=True)
class Texts:
    """What the judge reads of one response; `note` says what was cut."""

    query: str
    response: str
    note: str | None = None


def fit(model: ServedModel, room: int | None, response: Response, shrink: int = 0) -> Texts:
    """The neutral texts of a response, cut where they do not fit into `room` tokens (None: not known).

    `shrink` halves the room that often: for a server that found the request too long.
    """
    special = model.identity.special_tokens
    query, text = neutralise(response.item.query, special), neutralise(response.text, special)
    if room is None:
        if not shrink:
            return Texts(query, text)
        room = _bytes(query) + _bytes(text)
    room >>= shrink
    # a token is at least one byte: what fits by bytes needs no tokenizer
    if not shrink and _bytes(query) + _bytes(text) <= room:
        return Texts(query, text)
    query, query_note, used = _cut(model, query, room // 2, "request")
    text, note, _ = _cut(model, text, room - used, "response")
    notes = [n for n in (query_note, note) if n]
    return Texts(query, text, "; ".join(notes) or None)


def room_beside(prompt: Prompt, model: ServedModel) -> int | None:
    """Tokens left for query and response beside the prompt; None where the model's context is not known."""
    if model.context is None:
        return None
    frame = prompt.text("", "")
    tokens = model.tokens(frame)
    return max(2 * _SLACK, model.context - _SLACK - (len(tokens) if tokens is not None else _bytes(frame)))


def _cut(model: ServedModel, text: str, room: int, what: str) -> tuple[str, str | None, int]:
    """(text of at most `room` tokens, what was cut, tokens in use)."""
    if _bytes(text) <= room:
        return text, None, _bytes(text)
    tokens = model.tokens(text)
    if tokens is None:
        return _cut_characters(text, room, what)
    if len(tokens) <= room:
        return text, None, len(tokens)
    kept = max(0, room - _SLACK)
    head = int(kept * _HEAD)
    tail = kept - head
    parts = [model.text_of(tokens[:head]), model.text_of(tokens[len(tokens) - tail :])]
    if parts[0] is None or parts[1] is None:
        return _cut_characters(text, room, what)
    left = len(tokens) - kept
    cut = _CUT.format(left=left, unit="tokens", what=what)
    return cut.join(p for p in parts if p is not None), _note(what, kept, len(tokens), "tokens"), room


def _cut_characters(text: str, room: int, what: str) -> tuple[str, str | None, int]:
    kept = room * _CHARACTERS
    if len(text) <= kept:
        return text, None, room
    head = int(kept * _HEAD)
    cut = _CUT.format(left=len(text) - kept, unit="characters", what=what)
    return text[:head] + cut + text[len(text) - (kept - head) :], _note(what, kept, len(text), "characters"), room


def _note(what: str, kept: int, there: int, unit: str) -> str:
    return f"the judge read the first and last {kept:,} of {there:,} {unit} of the {what}"


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))
