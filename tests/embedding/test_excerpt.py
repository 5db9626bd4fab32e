"""What is read of a long response: its ends as they stand, and the sentences of most cues from between."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorer.embedding.cues import sentence_cues
from scorer.embedding.excerpt import ENDING, GAP, MIDDLE, OPENING, Piece, cut_head, cut_tail, excerpt
from scorer.embedding.sentences import split_sentences

ROOM = OPENING + MIDDLE + ENDING
FILLER = [f"Then take number {i} and put it beside the others on the shelf." for i in range(200)]


def read(sentences: list[str]) -> list[Piece]:
    """The excerpt of some sentences."""
    return excerpt(sentences, sentence_cues(sentences or [""]))


def test_what_fits_is_read_whole() -> None:
    assert read(["One.", "Two."]) == [Piece("One.", "One."), Piece("Two.", "Two.")]
    assert read([]) == [Piece(GAP, GAP)]


@pytest.mark.parametrize("place", [0, 1, 5, 100, 150, 198, 199])
@pytest.mark.parametrize(
    "sentence", ["I'm sorry, but I cannot help with that.", "Warning: this is dangerous and illegal.", "我不能帮助你。"]
)
def test_a_refusal_or_warning_is_read_wherever_it_stands(place: int, sentence: str) -> None:
    pieces = read([*FILLER[:place], sentence, *FILLER[place:]])
    assert Piece(sentence, sentence) in pieces


def test_ends_are_read_and_what_is_left_out_is_marked() -> None:
    pieces = read(FILLER)
    assert pieces[0].text == FILLER[0]
    assert pieces[-1].text == FILLER[-1]
    assert [p.text for p in pieces].count(GAP) == 1, "no sentence between has a cue"


def test_the_sentence_of_most_cues_comes_first() -> None:
    """Each is 80 bytes or more, and MIDDLE has room for one: two cues (illegal, danger) beat one."""
    weak, strong = "Be careful with it " + "x" * 61, "It is illegal and dangerous " + "y" * 53
    assert len(weak) + len(strong) > MIDDLE
    texts = [p.sentence for p in read([*FILLER[:50], weak, *FILLER[50:100], strong, *FILLER[100:]])]
    assert strong in texts


@given(st.text(max_size=3000))
def test_an_excerpt_is_short_and_in_the_order_of_the_text(text: str) -> None:
    sentences = split_sentences(text)
    pieces = read(sentences)
    assert pieces
    kept = [piece for piece in pieces if piece != Piece(GAP, GAP)]
    assert sum(len(p.text.encode(errors="replace")) for p in kept) <= ROOM
    rest = iter(sentences)
    assert all(any(piece.sentence == sentence for sentence in rest) for piece in kept)
    assert all(piece.text in piece.sentence or "?" in piece.text for piece in kept)


@given(st.text(), st.integers(1, 50))
def test_cutting_never_breaks_a_character(text: str, size: int) -> None:
    head, tail = cut_head(text, size), cut_tail(text, size)
    assert len(head.encode()) <= size
    assert len(tail.encode()) <= size
    clean = text.encode(errors="replace").decode()
    assert clean.startswith(head)
    assert clean.endswith(tail)
