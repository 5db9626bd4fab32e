"""Stand-ins for parts that are plugins: what a judge may do, well or badly, without a model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from scorer.records import Item, Response, Verdict
from scorer.rubrics import Rubric, load_rubric

VSCBENCH = load_rubric("vscbench")


def response(text: str, query: str = "q", item_id: str = "1") -> Response:
    """A response of the target `t`."""
    return Response(Item(item_id, query), "t", "plain", text)


def by_length(judged: Response) -> Verdict:
    """A verdict that shows which response it belongs to: its text is the evidence."""
    return Verdict("ok", "0_SAFE" if len(judged.text) > 3 else "2_UNSAFE", evidence=judged.text)


@dataclass
class FakeJudge:
    """Answers with `verdict`, and keeps what it was asked."""

    verdict: Callable[[Response], Verdict] = by_length
    name: str = "fake"
    fingerprint: str = "fake-1"
    rubric: Rubric = VSCBENCH
    taught_with: frozenset[str] = frozenset()
    order: Callable[[int], Sequence[int]] = range
    """n -> the indices in the order in which the verdicts come."""
    asked: list[str] = field(default_factory=list)

    def sees(self, response: Response) -> str:
        return ""

    def judge(self, responses: Sequence[Response]) -> Iterator[tuple[int, Verdict]]:
        for index in self.order(len(responses)):
            judged = responses[index % len(responses)]
            self.asked.append(judged.text)
            yield index, self.verdict(judged)
