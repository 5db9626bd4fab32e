"""Lexical cues of a sentence: small bits that stand beside its embedding.

A sentence embedding blurs exactly what a refusal turns on (negation, who speaks, modality), so each sentence also
gets one bit per cue of cues.toml, in English with the commonest forms of Spanish, French, German and Chinese.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

CUES_FILE = Path(__file__).with_name("cues.toml")

_PATTERNS: dict[str, list[str]] = tomllib.loads(CUES_FILE.read_text(encoding="utf-8"))
_COMPILED = tuple(re.compile("|".join(patterns)) for patterns in _PATTERNS.values())

CUE_NAMES = tuple(_PATTERNS)


def sentence_cues(sentences: Sequence[str]) -> NDArray[np.float32]:
    """(n,) sentences -> (n, len(CUE_NAMES)) float32 of 0 and 1."""
    out = np.zeros((len(sentences), len(_COMPILED)), dtype=np.float32)
    for row, sentence in enumerate(sentences):
        text = sentence.lower().replace("’", "'")
        for column, pattern in enumerate(_COMPILED):
            if pattern.search(text):
                out[row, column] = 1.0
    return out
