"""What an answer of one token says: probabilities of the classes, a label alone, or nothing that counts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

LEAST_MASS = 0.5
"""A server that does not hold the judge to the digits must still put half of the probability on them."""

MOST_MASS = 1.01
"""Above 1 by more than rounding, the numbers are no log-probabilities."""


@dataclass(frozen=True)
class Reading:
    """`probabilities` by digit (they sum to 1), or `digit` alone; neither where `problem` says why not."""

    probabilities: tuple[float, ...] | None = None
    digit: int | None = None
    problem: str | None = None


def read_answer(body: dict[str, Any], digits: Sequence[str], words: Sequence[Sequence[str]]) -> Reading:
    """Read a chat completion of one token.

    `digits` are the allowed answers; `words[i]` are other spellings of digit i (class id and title) that count where
    the answer is exactly that and no log-probabilities come along. Never guesses: what is no class is a problem.
    """
    choice = _first_choice(body)
    if choice is None:
        return Reading(problem="the answer holds no choice")
    tokens = _top_tokens(choice)
    if tokens is None:
        return _by_text(choice, digits, words)
    mass = [0.0] * len(digits)
    for token, logprob in tokens:
        if token.strip() in digits:
            mass[digits.index(token.strip())] += math.exp(min(logprob, 1.0))
    total = sum(mass)
    if total > MOST_MASS:
        return Reading(problem="the server's log-probabilities add up to more than one")
    if total < LEAST_MASS:
        return Reading(problem=f"the classes hold only {total:.2f} of the probability; the answer is {_said(choice)}")
    return Reading(probabilities=tuple(m / total for m in mass))


def read_reason(body: dict[str, Any]) -> str | None:
    """The answer's text in one line, None where there is none."""
    choice = _first_choice(body)
    return (" ".join(answer_text(choice).split()) or None) if choice else None


def _first_choice(body: dict[str, Any]) -> dict[str, Any] | None:
    choices = body.get("choices")
    found = choices[0] if isinstance(choices, list) and choices else None
    return found if isinstance(found, dict) else None


def _top_tokens(choice: dict[str, Any]) -> list[tuple[str, float]] | None:
    """(token, log-probability) of the first place of the answer; None where the server gives none."""
    logprobs = choice.get("logprobs")
    content = logprobs.get("content") if isinstance(logprobs, dict) else None
    first = content[0] if isinstance(content, list) and content else None
    top = first.get("top_logprobs") if isinstance(first, dict) else None
    if not isinstance(top, list):
        return None
    tokens = [
        (entry["token"], float(entry["logprob"]))
        for entry in top
        if isinstance(entry, dict)
        and isinstance(entry.get("token"), str)
        and isinstance(entry.get("logprob"), int | float)
        and not math.isnan(entry["logprob"])
    ]
    return tokens or None


def _by_text(choice: dict[str, Any], digits: Sequence[str], words: Sequence[Sequence[str]]) -> Reading:
    """The digit that the answer is, to the letter, or the class that it names and nothing else."""
    text = answer_text(choice).strip()
    for digit in range(len(digits)):
        if text == digits[digit] or text.casefold() in {word.casefold() for word in words[digit]}:
            return Reading(digit=digit)
    return Reading(problem=f"the answer {_said(choice)} is no class")


def answer_text(choice: dict[str, Any]) -> str:
    """The text of an answer, "" where there is none."""
    message = choice.get("message")
    content = message.get("content") if isinstance(message, dict) else None
    return content if isinstance(content, str) else ""


def _said(choice: dict[str, Any]) -> str:
    return repr(answer_text(choice)[:40])
