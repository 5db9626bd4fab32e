"""A small byte-level tokenizer, trained on the spot on the bundled sample of responses."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokenizers import Tokenizer

VOCABULARY = 1024
_TEXTS = Path(__file__).resolve().parents[1] / "calibration_data" / "sample_responses.jsonl"


def train_tokenizer(special_tokens: Sequence[str]) -> Tokenizer:
    """Train a byte-level BPE in which every digit is a token of its own, as in Qwen's."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r"\d| ?\p{L}+| ?[^\s\p{L}\d]+|\s+"), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=list(special_tokens),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    rows = (json.loads(line) for line in _TEXTS.read_text(encoding="utf-8").splitlines())
    tokenizer.train_from_iterator([text for row in rows for text in row.values() if isinstance(text, str)], trainer)
    return tokenizer
