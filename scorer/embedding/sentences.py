"""Cut a response into sentences: the units that the embedding judge reads."""

from __future__ import annotations

import re

MAX_WORDS = 80
"""A longer stretch without a full stop is cut: the encoder reads 256 tokens at most."""

_MAX_CHARACTERS = 600
_BOUNDARY = re.compile(r"(?<=[.!?…])[\"'”’)\]*_]*\s+|(?<=[。！？])|[\r\n\v\f\u2028\u2029]+")
_BLANKS = "".join(filter(str.isspace, map(chr, range(0x3001))))
_MARKUP_BEFORE = _BLANKS + "#>*_`~|-•·+="
_MARKUP_AFTER = _BLANKS + "*_`~|"
_LIST_NUMBER = re.compile(r"^\(?(\d{1,3}|[a-zA-Z])[.)]$")
_HAS_WORD = re.compile(r"\w")


def split_sentences(text: str) -> list[str]:
    """Sentences of a text in order, without list marks, markup and empty lines.

    Text without any word character gives its stripped self as the only sentence, blank text gives none.
    """
    sentences: list[str] = []
    pending = ""
    for piece in _BOUNDARY.split(text):
        piece = piece.lstrip(_MARKUP_BEFORE).rstrip(_MARKUP_AFTER)
        if not _HAS_WORD.search(piece):
            continue
        if _LIST_NUMBER.match(piece):
            pending = piece + " "
            continue
        sentences.extend(_shorten(pending + piece))
        pending = ""
    if pending:
        sentences.append(pending.strip())
    if not sentences and text.strip():
        return [text.strip()[:_MAX_CHARACTERS]]
    return sentences


def _shorten(sentence: str) -> list[str]:
    """Cut a run-on stretch by words, and a stretch without blanks by characters."""
    if len(sentence) <= _MAX_CHARACTERS and sentence.count(" ") < MAX_WORDS:
        return [sentence]
    words = sentence.split()
    parts = (" ".join(words[i : i + MAX_WORDS]) for i in range(0, len(words), MAX_WORDS))
    return [p[i : i + _MAX_CHARACTERS] for p in parts for i in range(0, len(p), _MAX_CHARACTERS)]
