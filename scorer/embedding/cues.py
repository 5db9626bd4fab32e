"""Lexical cues of a sentence: small bits that stand beside its embedding.

A sentence embedding blurs exactly what a refusal turns on (negation, who speaks, modality), so each sentence also
gets one bit per cue of cues.toml, in English with the commonest forms of Spanish, French, German and Chinese.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import re2
from numpy.typing import NDArray

CUES_FILE = Path(__file__).with_name("cues.toml")

_PATTERNS: dict[str, list[str]] = tomllib.loads(CUES_FILE.read_text(encoding="utf-8"))

CUE_NAMES = tuple(_PATTERNS)
_AUTOMATON = 64 * 2**20
"""Bytes that the automaton's states may take: with RE2's 8 MiB it forgets and rebuilds them all the time."""


def _searched_at_once() -> re2.Set:
    """All cues' patterns in one automaton, which reads a sentence once for all of them."""
    options = re2.Options()
    options.max_mem = _AUTOMATON
    cues = re2.Set.SearchSet(options)
    for patterns in _PATTERNS.values():
        cues.Add("|".join(patterns))
    cues.Compile()
    return cues


_CUES = _searched_at_once()


def sentence_cues(sentences: Sequence[str]) -> NDArray[np.float32]:
    """(n,) sentences -> (n, len(CUE_NAMES)) float32 of 0 and 1."""
    out = np.zeros((len(sentences), len(CUE_NAMES)), dtype=np.float32)
    for row, sentence in enumerate(sentences):
        text = sentence.lower().replace("’", "'").encode(errors="replace")
        out[row, list(_CUES.Match(text) or ())] = 1.0
    return out
