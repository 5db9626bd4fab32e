"""What a head reads of a (query, response) pair: one row of numbers, from sentences, their cues, and the query.

Layout (LAYOUT names it; a head trained on another layout is refused):
    lexical   cues of the first, second and last sentence, their maximum and mean over all sentences; response size;
              similarity of the query to the first, second and last sentence, its maximum and mean; cues of the query;
              whether the query asks for a description, and how much the response describes, in either case
    vectors   mean over all sentences, first, second, last sentence embedding
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from scorer.assets import file_sha256
from scorer.embedding.cues import CUE_NAMES, CUES_FILE, sentence_cues
from scorer.embedding.sentences import split_sentences

LAYOUT = f"sentences-1:{file_sha256(CUES_FILE)[:16]}"
"""Names this layout and the cue list that it was trained with."""
READING = 1
"""Raise it whenever this code, or that which cuts sentences, reads the same text in another way than before while the
layout stays: it is part of the judge's fingerprint, so that verdicts of the earlier reading are never taken for new."""
VECTOR_BLOCKS = 4
"""Blocks of embeddings at the end of a row: mean, first, second and last sentence."""
_MANY = 30

Floats = NDArray[np.float32]

_DESCRIBES = CUE_NAMES.index("describes")
_ASKS_DESCRIPTION = re.compile(
    r"\b(?:describ|descri[bp]|caption|identify|tell me about|summari[sz]e|beschreib|décri)|"
    r"\bwhat(?:'s| is| are| do| does| can)\b.{0,30}"
    r"\b(?:image|picture|photo|scene|happening|going on|people|persons?|doing|see)\b|"
    r"描述|图片里|图中"
)


def asks_description(query: str) -> bool:
    """True where the query asks what an image shows."""
    return _ASKS_DESCRIPTION.search(query.lower()) is not None


def lexical_size() -> int:
    """How many numbers stand before the vectors."""
    return 6 * len(CUE_NAMES) + 2 + 5 + 5


@dataclass(frozen=True)
class Reading:
    """One (query, response) pair as the heads see it; `sentences` is not empty.

    `vectors` (sentences, dimensions) and `query_vector` (dimensions,) are unit-length embeddings.
    """

    query: str
    query_vector: Floats
    sentences: Sequence[str]
    vectors: Floats
    characters: int

    @cached_property
    def _cues(self) -> Floats:
        return sentence_cues(self.sentences)

    @cached_property
    def _query_part(self) -> Floats:
        cues: Floats = sentence_cues([self.query])[0]
        return cues

    def row(self) -> Floats:
        """Features of the whole response: (lexical_size() + 4 x dimensions,)."""
        cues, similar = self._cues, self.vectors @ self.query_vector
        second = min(1, len(self.sentences) - 1)
        asks, describes = float(asks_description(self.query)), cues[:, _DESCRIBES]
        parts = [
            *(cues[0], cues[second], cues[-1], cues.max(axis=0), cues.mean(axis=0)),
            [min(len(self.sentences), _MANY) / 10, np.log1p(self.characters)],
            [similar[0], similar[second], similar[-1], similar.max(), similar.mean()],
            self._query_part,
            [asks, asks * describes.mean(), asks * describes.max()],
            [(1 - asks) * describes.mean(), (1 - asks) * describes[0]],
            *(self.vectors.mean(axis=0), self.vectors[0], self.vectors[second], self.vectors[-1]),
        ]
        return np.concatenate(parts).astype(np.float32)

    def sentence_rows(self, start: int, end: int) -> Floats:
        """Features of some sentences, each as if it were the whole response: (sentences, features)."""
        sentences, vectors, cues = self.sentences[start:end], self.vectors[start:end], self._cues[start:end]
        column = np.ones((len(sentences), 1), dtype=np.float32)
        similar = (vectors @ self.query_vector)[:, None]
        asks, describes = float(asks_description(self.query)), cues[:, [_DESCRIBES]]
        sizes = np.log1p([[len(s)] for s in sentences])
        parts = [
            *(cues,) * 5,
            *(column * 0.1, sizes),
            *(similar,) * 5,
            column * self._query_part,
            *(column * asks, asks * describes, asks * describes),
            *((1 - asks) * describes,) * 2,
            *(vectors,) * VECTOR_BLOCKS,
        ]
        return np.hstack(parts).astype(np.float32)


def read_pairs(encode: Callable[[Sequence[str]], Floats], pairs: Sequence[tuple[str, str]]) -> Iterator[Reading]:
    """Encode (query, response) pairs, every distinct text once, however often and wherever it stands."""
    cut = [split_sentences(response) for _, response in pairs]
    texts: dict[str, int] = {}
    for (query, _), sentences in zip(pairs, cut, strict=True):
        for text in (query, *sentences):
            texts.setdefault(text, len(texts))
    vectors = encode(list(texts))
    for (query, response), sentences in zip(pairs, cut, strict=True):
        mine = vectors[[texts[s] for s in sentences]]
        yield Reading(query, vectors[texts[query]], sentences, mine, len(response))
