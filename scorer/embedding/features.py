"""What a head reads of a (query, response) pair: a row of numbers from an excerpt's vectors and cues, and n-grams.

Layout (LAYOUT names it; a head trained on another layout is refused):
    vectors   of the encoder over query and excerpt: mean over the excerpt's tokens, and the first token
    lexical   cues of the first, second and last sentence of the whole response, their maximum and mean; its size;
              cues of the query; whether that asks for a description, and how much the response describes in either case
and beside the row, sparse, the n-grams of the whole response and of the query (scorer/embedding/ngrams.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scorer.assets import file_sha256
from scorer.embedding.asking import asks_description
from scorer.embedding.cues import CUE_NAMES, CUES_FILE, sentence_cues
from scorer.embedding.excerpt import ENDING, GAP, MIDDLE, OPENING, QUERY, Piece, cut_head, excerpt
from scorer.embedding.ngrams import BUCKETS, Grams, grams
from scorer.embedding.sentences import split_sentences

LAYOUT = f"excerpt-1:{OPENING}-{MIDDLE}-{ENDING}-{QUERY}:{file_sha256(CUES_FILE)[:16]}:bigrams-{BUCKETS}"
"""Names this layout, how much is read, the cue list that it was trained with, and how n-grams are counted."""
READING = 4
"""Raise it whenever this code, or that which cuts sentences, reads the same text in another way than before while the
layout stays: it is part of the judge's fingerprint, so that verdicts of the earlier reading are never taken for new."""
LEXICAL = 6 * len(CUE_NAMES) + 7
"""How many numbers stand behind the vectors."""
_MANY = 30
_QUOTES = frozenset({('"', '"'), ("“", "”"), ("„", "“"), ("«", "»"), ("「", "」"), ("'", "'")})

Floats = NDArray[np.float32]

_DESCRIBES = CUE_NAMES.index("describes")


@dataclass(frozen=True)
class Text:
    """A (query, response) pair before the encoder: what it shall read, and what cues tell already.

    `query` is cut, `pieces` are the excerpt, `lexical` (LEXICAL,) and `grams` are of the whole response.
    """

    query: str
    pieces: tuple[Piece, ...]
    lexical: Floats
    grams: Grams


def read_text(query: str, response: str) -> Text:
    """Cut a pair to what is read, and find its cues."""
    sentences = split_sentences(_unquoted(response))
    cues = sentence_cues(sentences or [""])
    asks, describes = float(asks_description(query)), cues[:, _DESCRIBES]
    parts = [
        *(cues[0], cues[min(1, len(cues) - 1)], cues[-1], cues.max(axis=0), cues.mean(axis=0)),
        [min(len(sentences), _MANY) / 10, np.log1p(len(response))],
        sentence_cues([query])[0],
        [asks, asks * describes.mean(), asks * describes.max()],
        [(1 - asks) * describes.mean(), (1 - asks) * describes[0]],
    ]
    lexical = np.concatenate(parts).astype(np.float32)
    return Text(cut_head(query, QUERY), tuple(excerpt(sentences, cues)), lexical, grams(query, sentences))


def _unquoted(response: str) -> str:
    """A response that stands in quotation marks as a whole, without them: it quotes nobody."""
    text = response.strip()
    inner = text[1:-1]
    whole = len(text) > 1 and (text[0], text[-1]) in _QUOTES and not {text[0], text[-1]} & set(inner)
    return inner if whole else response


@dataclass(frozen=True)
class Vectors:
    """What the encoder made of a pair: of all that was read, and of its pieces.

    `whole` (2 x dimensions,) is the mean over the excerpt's tokens, then the first token; `pieces` is (pieces,
    dimensions).
    """

    whole: Floats
    pieces: Floats


Encode = Callable[[Sequence[tuple[str, Sequence[str]]]], Sequence[Vectors]]


@dataclass(frozen=True)
class Reading:
    """One (query, response) pair as the heads see it."""

    text: Text
    vectors: Vectors

    def row(self) -> Floats:
        """Features beside the n-grams: (2 x dimensions + LEXICAL,)."""
        return np.concatenate([self.vectors.whole, self.text.lexical])

    def strongest(self, weight: Floats) -> str:
        """The sentence of which the part that was read speaks most for a class.

        `weight` (2 x dimensions + LEXICAL,) is the class's, less the mean of all classes'. The mean over tokens enters
        a head linearly, so what a piece adds to it is exact but for what the encoder mixed before.
        """
        pieces = self.vectors.pieces
        speaks = pieces @ weight[: pieces.shape[1]]
        read = [i for i, piece in enumerate(self.text.pieces) if piece.text != GAP and pieces[i].any()]
        return self.text.pieces[max(read, key=lambda i: speaks[i], default=0)].sentence


def read_pairs(encode: Encode, pairs: Sequence[tuple[str, str]]) -> Iterator[Reading]:
    """Read (query, response) pairs, every distinct one once."""
    distinct = {pair: place for place, pair in enumerate(dict.fromkeys(pairs))}
    texts = [read_text(*pair) for pair in distinct]
    vectors = encode([(text.query, [piece.text for piece in text.pieces]) for text in texts])
    for pair in pairs:
        yield Reading(texts[distinct[pair]], vectors[distinct[pair]])
