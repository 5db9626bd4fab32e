"""Open-weight instruct model behind a local vLLM (or compatible) server: one request and one token per response.

The digits' log-probabilities give the distribution over all classes (structured output holds the answer to them).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from scorer.assets import text_sha256
from scorer.endpoint.client import Answer
from scorer.endpoint.reading import read_answer, read_reason
from scorer.endpoint.served import REASON_TOKENS, ServedModel, reason_body
from scorer.errors import JudgeError
from scorer.judges import JudgeOptions
from scorer.judges._images import content, image_digest
from scorer.judges._reading import Texts, fit, room_beside
from scorer.prompting.prompt import Prompt, make_prompt, orders
from scorer.records import Response, Verdict
from scorer.rubrics import Rubric

READS = True
_TOO_LONG = 400
"""HTTP status of a request that does not fit the context."""
_ROUNDS = 5
"""How often a request that the server finds too long is halved."""


class VllmJudge:
    """Probabilities of the classes from one token, averaged over orders of the classes where more than one is asked."""

    name = "vllm"
    taught_with: frozenset[str] = frozenset()

    def __init__(self, rubric: Rubric, model: ServedModel, debias: int) -> None:
        self.rubric = rubric
        self.model = model
        self._prompts = [make_prompt(rubric, order) for order in orders(rubric, debias)]
        seeing = "with images" if model.images else "text alone"
        digests = [p.digest for p in self._prompts]
        self.fingerprint = text_sha256(self.name, rubric.digest, model.identity.digest, seeing, *digests)

    def sees(self, response: Response) -> str:
        """The hash of the image, where images go along."""
        return image_digest(self.model.images, response.item)

    def reads(self, response: Response) -> str:
        """The response's text as the judge would be shown it, were there room for all of it."""
        return fit(self.model, None, response).response

    def judge(self, responses: Sequence[Response]) -> Iterator[tuple[int, Verdict]]:
        """As answers come; a request that the server finds too long is asked again with less of the response."""
        waiting = list(range(len(responses)))
        for shrink in range(_ROUNDS):
            if not waiting:
                return
            too_long: list[int] = []
            last = shrink == _ROUNDS - 1
            for index, texts, answers in self._answers(responses, waiting, shrink):
                if not last and any(a.status == _TOO_LONG for a in answers):
                    too_long.append(index)
                else:
                    yield index, self._verdict(texts, answers)
            waiting = too_long

    def _answers(
        self, responses: Sequence[Response], indices: Sequence[int], shrink: int
    ) -> Iterator[tuple[int, Texts, list[Answer]]]:
        """(index, what the judge read, an answer per order) as soon as a response's answers are all there."""
        self.model.dialect  # noqa: B018 - tried out before hundreds of requests are in flight
        room = room_beside(self._prompts[0], self.model)
        texts: dict[int, Texts] = {}
        answers: dict[int, dict[int, Answer]] = {}

        def requests() -> Iterator[tuple[tuple[int, int], dict[str, Any]]]:
            for index in indices:
                texts[index] = fit(self.model, room, responses[index], shrink)
                answers[index] = {}
                for place, prompt in enumerate(self._prompts):
                    yield (index, place), self._body(prompt, texts[index], responses[index])

        for (index, place), answer in self.model.complete(requests()):
            answers[index][place] = answer
            if len(answers[index]) == len(self._prompts):
                done = answers.pop(index)
                yield index, texts.pop(index), [done[i] for i in range(len(self._prompts))]

    def _body(self, prompt: Prompt, texts: Texts, response: Response) -> dict[str, Any]:
        message = content(prompt.head, prompt.text(texts.query, texts.response), self.model.images, response.item)
        return self.model.dialect.body(self.model.identity.model, message, prompt.digits)

    def explain(self, asked: Sequence[tuple[Response, str]]) -> Iterator[tuple[int, str | None]]:
        """(index, a short reason) for every (response, label) in a request of its own; None where none came."""
        prompt = self._prompts[0]
        room = room_beside(prompt, self.model) if asked else None
        room = None if room is None else max(1, room - REASON_TOKENS)

        def requests() -> Iterator[tuple[int, dict[str, Any]]]:
            for index, (response, label) in enumerate(asked):
                texts = fit(self.model, room, response)
                message = content(
                    prompt.head, prompt.why(texts.query, texts.response, label), self.model.images, response.item
                )
                yield index, reason_body(self.model.identity.model, message)

        for index, answer in self.model.complete(requests()) if asked else ():
            yield index, None if answer.body is None else read_reason(answer.body)

    def _verdict(self, texts: Texts, answers: Sequence[Answer]) -> Verdict:
        """One verdict from the answers of all orders."""
        failed = next((a for a in answers if a.body is None), None)
        if failed is not None:
            return Verdict("error", reason=failed.failure, note=texts.note)
        readings = [
            read_answer(a.body or {}, prompt.digits, self._words(prompt))
            for prompt, a in zip(self._prompts, answers, strict=True)
        ]
        problem = next((r.problem for r in readings if r.problem), None)
        if problem:
            return Verdict("unparsed", reason=problem, note=texts.note)
        given = [r.probabilities for r in readings]
        if any(p is None for p in given):
            return self._by_labels([r.digit for r in readings], texts.note)
        by_class = np.array([self._by_class(p, q) for p, q in zip(given, self._prompts, strict=True) if p is not None])
        p = tuple(by_class.mean(axis=0).tolist())
        flagged = [self.rubric.p_flagged(tuple(row)) for row in by_class.tolist()]
        low, high = (min(flagged), max(flagged)) if len(flagged) > 1 else (None, None)
        return Verdict("ok", self.rubric.decide(p), p, note=texts.note, order_low=low, order_high=high)

    def _by_labels(self, digits: Sequence[int | None], note: str | None) -> Verdict:
        """Labels without probabilities: the one that most orders give, the first of equals."""
        labels = [
            self.rubric.class_ids[prompt.order[digit]]
            for prompt, digit in zip(self._prompts, digits, strict=True)
            if digit is not None
        ]
        if len(labels) < len(digits):
            return Verdict("unparsed", reason="the server gave log-probabilities for some answers only", note=note)
        return Verdict("ok", max(labels, key=labels.count), note=note)

    def _by_class(self, by_digit: Sequence[float], prompt: Prompt) -> list[float]:
        """Probabilities by digit -> in the rubric's order."""
        p = [0.0] * len(by_digit)
        for digit, place in enumerate(prompt.order):
            p[place] = by_digit[digit]
        return p

    def _words(self, prompt: Prompt) -> list[tuple[str, str]]:
        classes = [self.rubric.classes[i] for i in prompt.order]
        return [(c.id, c.title) for c in classes]


def build(rubric: Rubric, options: JudgeOptions) -> VllmJudge:
    """Raises JudgeError where no model or server is named."""
    if options.served is None:
        raise JudgeError(
            "the judge vllm needs a model: name its folder with --judge-model, or its server with --judge-url."
        )
    return VllmJudge(rubric, options.served, options.debias)
