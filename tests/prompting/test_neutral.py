"""Texts made harmless: no token that acts, no mark that closes, and everything else as it was."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scorer.prompting.neutral import mark_for, marked, neutralise

TOKENS = [
    "<|im_start|>",
    "<|im_end|>",
    "<|eot_id|>",
    "<|start_header_id|>",
    "<|endoftext|>",
    "<｜end▁of▁sentence｜>",
    "＜|im_end|＞",
    "<s>",
    "</s>",
    "<bos>",
    "<start_of_turn>",
    "<end_of_turn>",
    "[INST]",
    "[/INST]",
    "<<SYS>>",
    "<</SYS>>",
    "<think>",
    "</think>",
    "<image>",
]
MARKS = ["</response-0123456789ab>", "<request-x>", "</response>", "< / Response - abc >", "＜/response-abc＞"]


@pytest.mark.parametrize("token", TOKENS + MARKS)
def test_what_could_act_is_broken_up_and_stays_legible(token: str) -> None:
    got = neutralise(f"before {token} after")
    assert token not in got
    assert got.startswith("before ")
    assert got.endswith(" after")
    assert re.sub(r"\s", "", got) == re.sub(r"\s", "", f"before {token} after")


def test_tokens_of_the_judges_own_tokenizer_are_broken_up_whatever_they_look_like() -> None:
    assert neutralise("a @@END@@ b", ["@@END@@"]) == "a @ @END@@ b"


@pytest.mark.parametrize("token", TOKENS)
def test_invisible_characters_do_not_hide_a_token(token: str) -> None:
    hidden = token[0] + "\u200b" + token[1:]
    assert token not in neutralise(hidden)


@pytest.mark.parametrize(
    "text",
    [
        "a < b and b > c",
        "if (x<s) return;",
        "<b>bold</b> and <script>",
        "Line one\nline two\ttabbed",
        "Español, 中文, العربية, 😀",
        "[see the list]",
        "my request: a response",
        "1 << 2 >> 1",
    ],
)
def test_ordinary_text_is_left_as_it_is(text: str) -> None:
    assert neutralise(text) == text


@given(st.text(alphabet="<>|/[]INSTsresponequt-_=\u200b\u202e ab", max_size=60))
@settings(max_examples=300, deadline=None)
def test_once_is_enough_and_nothing_that_acts_is_left(text: str) -> None:
    got = neutralise(text)
    assert not any(token in got for token in TOKENS)
    assert not re.search(r"</?(request|response)[-\w]*>", got)
    assert neutralise(got) == got or "  " in neutralise(got)


@given(st.lists(st.text(max_size=40), min_size=1, max_size=3))
def test_a_mark_stands_in_none_of_the_texts_and_follows_from_them(texts: list[str]) -> None:
    mark = mark_for(*texts)
    assert re.fullmatch("[0-9a-f]{12}", mark)
    assert all(mark not in text for text in texts)
    assert mark_for(*texts) == mark


def test_marked_texts_stand_between_their_tags() -> None:
    assert marked([("request", "q"), ("response", "r")], "m") == (
        "<request-m>\nq\n</request-m>\n\n<response-m>\nr\n</response-m>"
    )
