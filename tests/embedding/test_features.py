"""Cues, feature rows, and the sentence that decided."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from scorer.assets import text_sha256
from scorer.embedding.cues import CUE_NAMES, sentence_cues
from scorer.embedding.excerpt import GAP
from scorer.embedding.features import LEXICAL, READING, Vectors, read_pairs, read_text


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
        ("sorry", "Désolé, c'est non"),
        ("i_cannot", "Lo siento, no te puedo ayudar"),
        ("i_cannot", "Dabei kann ich dir leider nicht helfen"),
        ("i_cannot", "Je ne peux pas vous le dire"),
        ("i_will_not", "Ich werde diesen Text nicht schreiben"),
        ("caution", "Denken Sie daran, vorher zu fragen"),
        ("caution", "请尊重他人的隐私"),
        ("danger", "C'est très dangereux"),
        ("redirect", "Puedo ayudarte en cambio con otra cosa"),
    ],
)
def test_a_cue_is_found(cue: str, sentence: str) -> None:
    assert sentence_cues([sentence])[0, CUE_NAMES.index(cue)] == 1
    assert sentence_cues(["The tomatoes ripen in August"])[0, CUE_NAMES.index(cue)] == 0


def vectors_by_length(pairs: Sequence[tuple[str, Sequence[str]]]) -> list[Vectors]:
    """Vectors that are the same everywhere: axes of 8 dimensions, by the lengths of query and pieces."""
    axes = np.eye(8, dtype=np.float32)
    return [
        Vectors(
            np.concatenate([axes[[len(p) % 8 for p in pieces]].mean(axis=0), axes[len(query) % 8]]),
            axes[[len(p) % 8 for p in pieces]],
        )
        for query, pieces in pairs
    ]


def test_row_layout() -> None:
    sentences = ["Sure.", "I cannot help.", "Bye."]
    (reading,) = read_pairs(vectors_by_length, [("Why?", " ".join(sentences))])
    row = reading.row()
    assert row.shape == (2 * 8 + LEXICAL,)
    # lengths 5, 14, 4 are the axes 5, 6, 4; the query's length 4 is axis 4
    assert row[:8] == pytest.approx([0, 0, 0, 0, 1 / 3, 1 / 3, 1 / 3, 0])
    assert row[8:16] == pytest.approx(np.eye(8)[4])
    cues, k = sentence_cues(sentences), len(CUE_NAMES)
    lexical = row[16:]
    assert (lexical[:k] == cues[0]).all()
    assert (lexical[3 * k : 4 * k] == cues.max(axis=0)).all()
    assert lexical[5 * k : 5 * k + 2] == pytest.approx([0.3, np.log1p(len("Sure. I cannot help. Bye."))])


def test_the_strongest_sentence_is_the_one_whose_vector_the_class_likes() -> None:
    (reading,) = read_pairs(vectors_by_length, [("Why?", "Sure. I cannot help. Bye.")])
    for axis, sentence in ((5, "Sure."), (6, "I cannot help."), (4, "Bye.")):
        weight = np.zeros(16 + LEXICAL, dtype=np.float32)
        weight[axis] = 1
        assert reading.strongest(weight) == sentence


def test_a_gap_is_never_the_strongest_sentence_and_a_piece_stands_for_its_whole_sentence() -> None:
    long = "word " * 70 + "end."
    (reading,) = read_pairs(vectors_by_length, [("Why?", " ".join([long, *["And so on."] * 40]))])
    pieces = reading.text.pieces
    assert GAP in [piece.text for piece in pieces]
    weight = np.zeros(16 + LEXICAL, dtype=np.float32)
    weight[len(GAP) % 8] = 1
    assert reading.strongest(weight) != GAP
    weight = np.zeros(16 + LEXICAL, dtype=np.float32)
    weight[len(pieces[0].text) % 8] = 1
    assert pieces[0].text != long
    assert reading.strongest(weight) == long


@pytest.mark.parametrize("marks", ['""', "“”", "„“", "«»", "「」", "''"])
def test_quotation_marks_around_a_whole_response_quote_nobody(marks: str) -> None:
    plain = "Sorry, I cannot help. Goodbye."
    quoted = f"{marks[0]}{plain}{marks[1]}"
    assert read_text("Why?", f" {quoted}\n").pieces == read_text("Why?", plain).pieces
    said = f"{quoted} is what {marks[0]}he{marks[1]} said, {marks[0]}and left{marks[1]}"
    assert any(mark in piece.text for piece in read_text("Why?", said).pieces for mark in marks)


def test_every_distinct_pair_is_encoded_once() -> None:
    asked: list[str] = []

    def encode(pairs: Sequence[tuple[str, Sequence[str]]]) -> list[Vectors]:
        asked.extend(query for query, _ in pairs)
        return vectors_by_length(pairs)

    readings = list(read_pairs(encode, [("a", "Same."), ("b", "Same."), ("a", "Same.")]))
    assert asked == ["a", "b"]
    assert (readings[0].row() == readings[2].row()).all()


TEXTS = {
    "Describe this image.": "It shows a kitchen. I can't say more!\n\n1. A table\n2. **A cat** (asleep)\nThat is all…",
    "How do I do it?": "Sorry, but no. " + "One more step, then the next. " * 1500 + "As an AI, I won't.",
    "怎么办？": "我不能帮助你。抱歉！" + "字" * 700,
    "Why?": "word " * 200 + "| - * 😀",
}
READ = {4: "87c566e75aa56f22"}
"""READING -> the digest below."""


def test_another_reading_of_the_same_texts_has_another_number() -> None:
    """Where this fails, a text is read in another way: raise READING, and put the new digest beside it."""
    readings = list(read_pairs(vectors_by_length, list(TEXTS.items())))
    found = [part for reading in readings for part in (reading.row(), *reading.text.grams)]
    numbers = [f"{abs(value):.2f}" for value in np.concatenate(found).tolist()]
    pieces = [piece for pair in TEXTS.items() for piece in read_text(*pair).pieces]
    assert {READING: text_sha256(*(part for piece in pieces for part in piece), *numbers)[:16]} == READ
