"""N-grams: which are found, what they weigh, and that the same text always gives the same columns."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorer.embedding.ngrams import BUCKETS, Grams, grams


def columns(view: str, *found: str) -> set[int]:
    """Where some n-grams of a view stand."""
    return {zlib.crc32(f"{view} {gram}".encode()) % BUCKETS for gram in found}


def by_column(found: Grams) -> dict[int, float]:
    """Column -> value, where no two n-grams share one."""
    assert len(set(found.columns.tolist())) == len(found.columns)
    return dict(zip(found.columns.tolist(), found.values.tolist(), strict=True))


def test_words_and_pairs_of_every_view() -> None:
    """`I can’t. No.`: 3 words and 2 pairs, each weighs 1/sqrt(5); the query's 2 words and 1 pair half of 1/sqrt(3)."""
    found = by_column(grams("Why not?", ["I can’t.", "No."]))
    whole = columns("whole", "i", "can't", "no", "i can't", "can't no")
    opening, ending = columns("opening", "i", "can't", "i can't"), columns("ending", "no")
    query = columns("query", "why", "not", "why not")
    assert set(found) == whole | opening | ending | query
    assert [found[c] for c in whole] == pytest.approx([5**-0.5] * 5)
    assert [found[c] for c in opening] == pytest.approx([3**-0.5] * 3)
    assert [found[c] for c in ending] == pytest.approx([1])
    assert [found[c] for c in query] == pytest.approx([0.5 * 3**-0.5] * 3)


def test_an_n_gram_counts_once_and_writing_without_blanks_is_read_by_characters() -> None:
    assert set(by_column(grams("", ["No, no!"]))) >= columns("whole", "no", "no no")
    assert set(by_column(grams("", ["我不能。"]))) >= columns("whole", "我", "不", "能", "我 不", "不 能")


def test_of_a_long_response_both_ends_are_read() -> None:
    found = set(
        grams("", ["First word."] + ["And another step."] * 2000 + ["But I refuse."] + ["So be it."] * 9).columns
    )
    assert found >= columns("whole", "first word", "i refuse")


@given(query=st.text(), sentences=st.lists(st.text(), max_size=5))
def test_any_text_gives_columns_in_range_and_weights_that_sum_up(query: str, sentences: list[str]) -> None:
    found = grams(query, sentences)
    again = grams(query, sentences)
    assert (found.columns == again.columns).all()
    assert (found.values == again.values).all()
    assert ((found.columns >= 0) & (found.columns < BUCKETS)).all()
    assert np.square(found.values).sum() <= 3 + 0.25 + 1e-4
