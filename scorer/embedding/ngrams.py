"""Which words stand beside which in a pair: hashed n-grams, read by a head beside the encoder's vectors.

A bag of n-grams sees the whole response, where the encoder reads an excerpt, and errs elsewhere than the encoder does
(fastText's linear classifier over hashed bigrams: Joulin et al., EACL 2017, section 2.1).
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

BUCKETS = 2**16
"""Columns that n-grams are hashed into; views share them, so that few columns stay empty."""
_EDGE = 200
"""Characters of the first and of the last sentence that count as opening and ending."""
_HALF = 3000
"""Characters at either end of a long response that are read, some 500 words: a late refusal must not drown."""
_QUERY_WEIGHT = 0.5
_TOKEN = re.compile(r"[぀-ヿ㐀-鿿가-힯]|[^\W_぀-ヿ㐀-鿿가-힯]+(?:'[^\W_]+)*")


class Grams(NamedTuple):
    """A sparse row: `columns` (k,) below BUCKETS, some perhaps twice, and their `values` (k,)."""

    columns: NDArray[np.int32]
    values: NDArray[np.float32]


def grams(query: str, sentences: Sequence[str]) -> Grams:
    """N-grams of a response's sentences, of the first and the last of them, and of the query.

    Each view's n-grams count once and weigh the same; the squares of a view's weights sum to 1, of the query's to 1/4.
    """
    views = {
        "whole": (_both_ends(" ".join(sentences)), 1.0),
        "opening": (sentences[0][:_EDGE] if sentences else "", 1.0),
        "ending": (sentences[-1][-_EDGE:] if sentences else "", 1.0),
        "query": (query[:_EDGE], _QUERY_WEIGHT),
    }
    columns: list[int] = []
    values: list[float] = []
    for view, (text, weight) in views.items():
        found = set(_grams(text))
        start = zlib.crc32(f"{view} ".encode())
        columns += sorted(zlib.crc32(gram.encode(errors="replace"), start) for gram in found)
        values += [weight / max(len(found), 1) ** 0.5] * len(found)
    return Grams((np.array(columns, dtype=np.int64) % BUCKETS).astype(np.int32), np.array(values, dtype=np.float32))


def _both_ends(text: str) -> str:
    return text if len(text) <= 2 * _HALF else f"{text[:_HALF]} {text[-_HALF:]}"


def _grams(text: str) -> Iterator[str]:
    """Words, and pairs of neighbours."""
    tokens = _TOKEN.findall(text.lower().replace("’", "'"))
    yield from tokens
    yield from map(" ".join, pairwise(tokens))
