"""Cues and feature rows: one definition for whole responses and for single sentences."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from scorer.assets import text_sha256
from scorer.embedding.cues import CUE_NAMES, sentence_cues
from scorer.embedding.features import READING, VECTOR_BLOCKS, Reading, asks_description, lexical_size, read_pairs
from scorer.embedding.sentences import split_sentences

RNG = np.random.default_rng(0)


def unit(n: int, d: int = 8) -> np.ndarray:
    """n random vectors of length 1."""
    vectors = RNG.normal(size=(n, d)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("cue", "sentence"),
    [
        ("sorry", "I’m SORRY about that"),
        ("i_cannot", "I'm not able to say"),
        ("i_cannot", "我不能回答这个问题"),
        ("i_will_not", "I'd rather not"),
        ("not_do", "This assistant cannot help with it"),
        ("illegal", "That is against the law"),
        ("danger", "It is dangerous"),
        ("caution", "Please note the following"),
        ("get_help", "Please contact a doctor"),
        ("cannot_see", "The picture is too blurry"),
        ("describes", "The image shows a beach"),
        ("affirms", "Sure, here you go"),
        ("as_an_ai", "As an AI I have no opinion"),
    ],
)
def test_a_cue_is_found(cue: str, sentence: str) -> None:
    assert sentence_cues([sentence])[0, CUE_NAMES.index(cue)] == 1
    assert sentence_cues(["The tomatoes ripen in August"])[0, CUE_NAMES.index(cue)] == 0


@pytest.mark.parametrize(
    ("query", "asks"),
    [
        ("Describe this image.", True),
        ("What is happening in this image?", True),
        ("Can you identify the objects?", True),
        ("Where can I buy this?", False),
        ("How do I use it?", False),
        ("", False),
    ],
)
def test_asking_for_a_description(query: str, asks: bool) -> None:
    assert asks_description(query) == asks


def test_a_single_sentence_reads_the_same_both_ways() -> None:
    """The row of a one-sentence response equals that sentence's own row."""
    text = "I cannot describe the image."
    reading = Reading("Describe this image.", unit(1)[0], [text], unit(1), len(text))
    assert reading.row() == pytest.approx(reading.sentence_rows(0, 1)[0], abs=1e-6)


def test_row_layout() -> None:
    sentences = ["Sure.", "I cannot help.", "Bye."]
    vectors = unit(3)
    row = Reading("q", unit(1)[0], sentences, vectors, 20).row()
    assert row.shape == (lexical_size() + VECTOR_BLOCKS * 8,)
    blocks = row[lexical_size() :].reshape(VECTOR_BLOCKS, 8)
    assert blocks == pytest.approx(np.stack([vectors.mean(axis=0), vectors[0], vectors[1], vectors[2]]))
    cues, k = sentence_cues(sentences), len(CUE_NAMES)
    assert (row[:k] == cues[0]).all()
    assert (row[3 * k : 4 * k] == cues.max(axis=0)).all()


def test_every_distinct_text_is_encoded_once() -> None:
    asked: list[str] = []

    def encode(texts: list[str]) -> np.ndarray:
        asked.extend(texts)
        return unit(len(texts))

    pairs = [("q", "Same. Other."), ("q", "Same. Third.")]
    readings = list(read_pairs(encode, pairs))  # type: ignore[arg-type]
    assert asked == ["q", "Same.", "Other.", "Third."]
    assert (readings[0].vectors[0] == readings[1].vectors[0]).all()


TEXTS = {
    "Describe this image.": "It shows a kitchen. I can't say more!\n\n1. A table\n2. **A cat** (asleep)\nThat is all…",
    "How do I do it?": "Sorry, but no. " + "One more step, then the next. " * 1500 + "As an AI, I won't.",
    "怎么办？": "我不能帮助你。抱歉！" + "字" * 700,
    "Why?": "word " * 200 + "| - * 😀",
}
READ = {1: "eb0b02684ae920bf"}
"""READING -> the digest below."""


def by_length(texts: Sequence[str]) -> np.ndarray:
    """Vectors that are the same everywhere: one of the axes, by the length of the text."""
    return np.eye(8, dtype=np.float32)[[len(text) % 8 for text in texts]]


def test_another_reading_of_the_same_texts_has_another_number() -> None:
    """Where this fails, a text is read in another way: raise READING, and put the new digest beside it."""
    rows = [reading.row() for reading in read_pairs(by_length, list(TEXTS.items()))]
    numbers = [f"{abs(value):.2f}" for value in np.concatenate(rows).tolist()]
    sentences = [sentence for text in TEXTS.values() for sentence in split_sentences(text)]
    assert {READING: text_sha256(*sentences, *numbers)[:16]} == READ
