"""What is read of a long response: its ends as they stand, and from between the sentences of most cues first."""

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
    """The first have 61 bytes, the last 63: 3 fit into the opening, 1 into the ending, 3 more and a bit between."""
    pieces = read(FILLER)
    assert [p.text for p in pieces[:7]] == [*FILLER[:6], cut_head(FILLER[6], ROOM - 6 * 61 - 63)]
    assert [p.text for p in pieces[7:]] == [GAP, FILLER[-1]]


def test_a_sentence_that_reaches_over_an_edge_is_read_whole_where_it_matters() -> None:
    """The last but one has 39 bytes and the last 63: more than ENDING together."""
    sorry = "I'm sorry, but I cannot help with that."
    assert len(sorry) + len(FILLER[-1]) > ENDING
    assert Piece(sorry, sorry) in read([*FILLER[:-1], sorry, FILLER[-1]])


def test_the_sentence_of_most_cues_comes_first() -> None:
    """The ends take 3 sentences of 61 bytes and one of 63; the room left holds one of 131, and a part of another."""
    one, two, none = "Be careful with it " + "x" * 112, "It is illegal and dangerous " + "y" * 103, "z" * 140
    assert len(one) == len(two) == 131
    left = ROOM - 3 * 61 - 63
    assert 131 < left < 2 * 131
    texts = [p.text for p in read([*FILLER[:3], none, *FILLER[3:50], one, *FILLER[50:100], two, *FILLER[100:]])]
    assert two in texts
    assert cut_head(one, left - 131) in texts
    assert not any(text.startswith("z") for text in texts)


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
