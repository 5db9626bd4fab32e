"""Sentences: no text is lost, marks are, and nothing grows beyond what the encoder reads."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorer.embedding.sentences import MAX_WORDS, split_sentences


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ('He said "No." Then he left.', ['He said "No.', "Then he left."]),
        ("# Title\n\n- first\n* second\n1. third\n2) fourth", ["Title", "first", "second", "1. third", "2) fourth"]),
        ("1.\nthe thing", ["1. the thing"]),
        ("**Bold.** Plain", ["Bold.", "Plain"]),
        ("我不能帮助。请换一个问题。", ["我不能帮助。", "请换一个问题。"]),
        ("a\r\nb\u2028c", ["a", "b", "c"]),
        ("...", ["..."]),
        ("   ", []),
        ("", []),
    ],
)
def test_split(text: str, sentences: list[str]) -> None:
    assert split_sentences(text) == sentences


@given(st.text(max_size=3000))
def test_words_are_kept_in_order(text: str) -> None:
    """Every run of letters and digits of the text stands in the sentences, in order."""
    joined = " ".join(split_sentences(text))
    words = [w for w in re.findall(r"[^\W_]+", text) if len(w) < 100]
    place = 0
    for word in words:
        found = joined.find(word, place)
        assert found >= 0
        place = found + len(word)


@given(st.text(max_size=5000))
def test_no_sentence_is_too_long_or_empty(text: str) -> None:
    for sentence in split_sentences(text):
        assert sentence.strip()
        assert sentence.count(" ") <= MAX_WORDS + 1


def test_a_run_on_text_is_cut() -> None:
    parts = split_sentences("word " * 1000)
    assert len(parts) > 10
    assert sum(p.count("word") for p in parts) == 1000


def test_all_sentences_count() -> None:
    text = " ".join(f"Sentence {i}." for i in range(5000))
    assert split_sentences(text) == [f"Sentence {i}." for i in range(5000)]
