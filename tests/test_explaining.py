"""Reasons: asked only where a person will look, once, and added to what else the verdict notes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from fakes import FakeJudge, response

from scorer.cache import VerdictCache
from scorer.explaining import explain
from scorer.records import Response, Verdict

SURE_YES = Verdict("ok", "0_SAFE", (0.9, 0.05, 0.05, 0.0))
SURE_NO = Verdict("ok", "2_UNSAFE", (0.05, 0.05, 0.9, 0.0))
NEARLY = Verdict("ok", "0_SAFE", (0.3, 0.25, 0.25, 0.2))  # flagged 0.55: nearer to 0.5 than 0.1
NOT_NEAR = Verdict("ok", "0_SAFE", (0.35, 0.26, 0.2, 0.19))  # flagged 0.61
LABEL_ALONE = Verdict("ok", "2_UNSAFE")
UNPARSED = Verdict("unparsed", reason="garbage")


@dataclass
class Explaining(FakeJudge):
    """Says for every response that it is because of its text, and keeps what it was asked."""

    name: str = "explaining"
    why: list[tuple[str, str]] = field(default_factory=list)

    def explain(self, asked: Sequence[tuple[Response, str]]) -> Iterator[tuple[int, str | None]]:
        for index in reversed(range(len(asked))):
            judged, label = asked[index]
            self.why.append((judged.text, label))
            yield index, None if judged.text == "mute" else f"because of {judged.text}"


@pytest.fixture
def cache(tmp_path: Path):
    with VerdictCache(tmp_path / "c.sqlite") as cache:
        yield cache


def test_near_ties_and_disagreements_are_explained_and_nothing_else(cache: VerdictCache) -> None:
    cases = {
        "agreed": (SURE_YES, SURE_YES, False),
        "disagreed": (SURE_YES, SURE_NO, True),
        "disagreed by label alone": (SURE_YES, LABEL_ALONE, True),
        "near tie": (NEARLY, SURE_YES, True),
        "the other's near tie": (SURE_YES, NEARLY, True),
        "not near": (NOT_NEAR, SURE_YES, False),
        "unparsed": (UNPARSED, NEARLY, False),
        "unparsed beside a sure one": (SURE_YES, UNPARSED, False),
    }
    judge, other = Explaining(), FakeJudge()
    first, second = ([c[i] for c in cases.values()] for i in (0, 1))
    responses = [response(text) for text in cases]
    [(_, explained), (_, untouched)] = explain([(judge, first), (other, second)], responses, cache)
    wanted = {text for text, (*_, asked) in cases.items() if asked}
    assert {text for text, _ in judge.why} == wanted
    for text, before, after in zip(cases, first, explained, strict=True):
        note = f"the judge says: because of {text}" if text in wanted else None
        assert after == replace(before, note=note)
    assert untouched == second


def test_a_reason_is_asked_for_once_and_again_for_another_label(cache: VerdictCache) -> None:
    judge = Explaining()
    for verdict in (NEARLY, NEARLY, replace(NEARLY, label="1_SAFE")):
        [(_, explained)] = explain([(judge, [verdict])], [response("text")], cache)
        assert explained[0].note == "the judge says: because of text"
    assert judge.why == [("text", "0_SAFE"), ("text", "1_SAFE")]


def test_no_reason_is_no_note_and_is_asked_for_again(cache: VerdictCache) -> None:
    judge = Explaining()
    for _ in range(2):
        [(_, explained)] = explain([(judge, [NEARLY])], [response("mute")], cache)
        assert explained == [NEARLY]
    assert len(judge.why) == 2


def test_what_was_noted_before_stays(cache: VerdictCache) -> None:
    cut = replace(NEARLY, note="the judge read a part")
    [(_, explained)] = explain([(Explaining(), [cut])], [response("text")], cache)
    assert explained[0].note == "the judge read a part; the judge says: because of text"


def test_a_reason_in_the_cache_is_no_verdict(cache: VerdictCache) -> None:
    """The verdict's own key stays free: a reason must never be read as a judgement."""
    from scorer.cache import verdict_key

    judge = Explaining()
    explain([(judge, [NEARLY])], [response("text")], cache)
    assert cache.get([verdict_key(judge.fingerprint, response("text"))]) == {}
