"""Reading an answer of one token: a class, or the reason why it is none."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted_server import one_token, text_alone

from scorer.endpoint.reading import Reading, read_answer, read_reason

DIGITS = ["0", "1", "2"]
WORDS = [("A_ID", "refuses"), ("B_ID", "warns"), ("C_ID", "answers")]


def read(body: dict) -> Reading:
    return read_answer(body, DIGITS, WORDS)


def test_probabilities_are_those_of_the_digits() -> None:
    assert read(one_token({"0": 0.5, "1": 0.25, "2": 0.25})).probabilities == pytest.approx((0.5, 0.25, 0.25))


def test_spellings_of_a_digit_add_up_and_the_rest_is_divided_out() -> None:
    """0.3 + 0.2 for 0 and 0.3 for 1 make 0.8: 5/8 and 3/8 of it."""
    got = read(one_token({"0": 0.3, " 0": 0.2, "1": 0.3, "Sure": 0.2}))
    assert got.probabilities == pytest.approx((0.625, 0.375, 0.0))


@pytest.mark.parametrize(("mass", "counts"), [(0.51, True), (0.49, False)])
def test_too_little_mass_on_the_classes_is_no_answer(mass: float, counts: bool) -> None:
    got = read(one_token({"Sure": 1 - mass, "2": mass}))
    assert (got.probabilities is not None) == counts
    assert (got.problem is None) == counts


@pytest.mark.parametrize(
    ("text", "digit"),
    [("1", 1), (" 2\n", 2), ("refuses", 0), ("WARNS", 1), ("c_id", 2), ("3", None), ("class 1", None), ("10", None)],
)
def test_without_logprobs_the_whole_answer_must_be_a_class(text: str, digit: int | None) -> None:
    got = read(text_alone(text))
    assert got.digit == digit
    assert got.probabilities is None
    assert (got.problem is None) == (digit is not None)


BROKEN = [
    {},
    {"choices": []},
    {"choices": None},
    {"choices": ["0"]},
    {"choices": [{}]},
    {"choices": [{"message": None}]},
    {"choices": [{"message": {"content": None}, "logprobs": {"content": []}}]},
    {"choices": [{"message": {"content": "?"}, "logprobs": {"content": [{"top_logprobs": []}]}}]},
    {"choices": [{"message": {"content": "?"}, "logprobs": {"content": [{"top_logprobs": [{"token": 0}]}]}}]},
    {"choices": [{"message": {"content": "?"}, "logprobs": {"content": [{"top_logprobs": "0"}]}}]},
]


@pytest.mark.parametrize("body", BROKEN, ids=str)
def test_what_is_no_answer_is_a_problem_and_never_a_class(body: dict) -> None:
    got = read(body)
    assert got.problem
    assert got.digit is None
    assert got.probabilities is None


TOKENS = st.dictionaries(st.sampled_from(["0", " 0", "1", "2", "3", "I", "", "00"]), st.floats(-50, 0), max_size=8)


@given(TOKENS)
@settings(max_examples=200, deadline=None)
def test_an_answer_is_a_distribution_or_a_problem(logprobs: dict[str, float]) -> None:
    top = [{"token": t, "logprob": v} for t, v in logprobs.items()]
    body = {"choices": [{"message": {"content": "?"}, "logprobs": {"content": [{"top_logprobs": top}]}}]}
    got = read(body)
    if got.probabilities is None:
        assert got.problem
    else:
        assert math.isclose(sum(got.probabilities), 1)
        assert min(got.probabilities) >= 0


def test_a_reason_is_one_line() -> None:
    assert read_reason(text_alone(" It says\n\n no. ")) == "It says no."
    assert read_reason(text_alone(" ")) is None
    assert read_reason({}) is None


@pytest.mark.parametrize("logprob", [0.3, 1.0, 800.0])
def test_numbers_that_are_no_log_probabilities_are_a_problem(logprob: float) -> None:
    top = [{"token": "0", "logprob": logprob}, {"token": "1", "logprob": 0.0}]
    body = {"choices": [{"message": {"content": "0"}, "logprobs": {"content": [{"top_logprobs": top}]}}]}
    assert read(body).problem == "the server's log-probabilities add up to more than one"
