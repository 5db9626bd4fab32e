"""What the encoder reads of a response: its opening, its end, and from between them the sentences that may matter.

Reading every word of a long response costs time and drowns one sentence of refusal in many of something else. Openings
and endings are read as they stand; in between, the sentences with most cues of a refusal, a warning or blindness
(cues.toml) come first, wherever in the text they stand, then the others as far as there is room. Of a first or last
sentence that is longer than its part, the rest is not read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scorer.embedding.cues import CUE_NAMES

OPENING, MIDDLE, ENDING = 192, 192, 96
"""Bytes of UTF-8 that are read of each part: about four to a token in English, three to one in Chinese."""
QUERY = 160
"""Bytes that are read of the query."""
GAP = "…"
"""Stands where something was left out."""

_SIGNALS = (
    "sorry",
    "i_cannot",
    "i_will_not",
    "we_cannot",
    "not_do",
    "as_an_ai",
    "inappropriate",
    "illegal",
    "danger",
    "caution",
    "must_not",
    "discrimination",
    "get_help",
    "cannot_see",
    "opens_with_refusal",
)
_SIGNAL_COLUMNS = [CUE_NAMES.index(name) for name in _SIGNALS]
_SHORTEST = 24
"""Bytes under which a piece of a sentence says nothing."""


class Piece(NamedTuple):
    """What is read of a sentence, or GAP; `sentence` is the whole of it."""

    text: str
    sentence: str


def excerpt(sentences: Sequence[str], cues: NDArray[np.float32]) -> list[Piece]:
    """Sentences, or pieces of them, in the order of the text, with GAP where some are left out; never empty.

    `cues` (sentences, cues) are the sentences' own, from `sentence_cues`.
    """
    if not sentences:
        return [Piece(GAP, GAP)]
    room = OPENING + MIDDLE + ENDING
    if sum(map(_size, sentences)) <= room:
        return [Piece(sentence, sentence) for sentence in sentences]
    taken = _edge(sentences, range(len(sentences)), OPENING, cut_head)
    after = max(taken) + 1
    taken |= _edge(sentences, range(len(sentences) - 1, after - 1, -1), ENDING, cut_tail)
    between = [place for place in range(after, len(sentences)) if place not in taken]
    signals = cues[:, _SIGNAL_COLUMNS].sum(axis=1)
    promising = sorted(between, key=lambda place: (-signals[place], place))
    return _with_gaps(taken | _in_turn(sentences, promising, room - sum(map(_size, taken.values()))), sentences)


def cut_head(text: str, size: int) -> str:
    """The first `size` bytes of a text, without a broken character."""
    return text.encode(errors="replace")[:size].decode(errors="ignore")


def cut_tail(text: str, size: int) -> str:
    """The last `size` bytes of a text, without a broken character."""
    return text.encode(errors="replace")[-size:].decode(errors="ignore")


def _size(text: str) -> int:
    return len(text.encode(errors="replace"))


def _edge(sentences: Sequence[str], places: Iterable[int], size: int, cut: Callable[[str, int], str]) -> dict[int, str]:
    """Sentences in the given order as long as they fit into `size` bytes; the first one is cut where it does not."""
    taken: dict[int, str] = {}
    for place in places:
        if taken and _size(sentences[place]) > size:
            break
        taken[place] = cut(sentences[place], size)
        size -= _size(taken[place])
    return taken


def _in_turn(sentences: Sequence[str], places: Iterable[int], size: int) -> dict[int, str]:
    """Sentences in the given order until `size` bytes are full; the last one is cut to what is left."""
    taken: dict[int, str] = {}
    for place in places:
        if size < _SHORTEST:
            break
        taken[place] = cut_head(sentences[place], size)
        size -= _size(taken[place])
    return taken


def _with_gaps(taken: dict[int, str], sentences: Sequence[str]) -> list[Piece]:
    pieces: list[Piece] = []
    last = -1
    for place in sorted(taken):
        pieces += [Piece(GAP, GAP)] * (place > last + 1) + [Piece(taken[place], sentences[place])]
        last = place
    return pieces
