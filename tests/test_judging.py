"""Judging: every response one verdict, equal texts judged once, and a judge that does not keep its word caught."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl
import pytest
from fakes import VSCBENCH, FakeJudge, by_length, response
from hypothesis import given, settings
from hypothesis import strategies as st

from scorer import judging
from scorer.cache import VerdictCache
from scorer.errors import JudgeError, ServerError
from scorer.ingest import RESPONSE_SCHEMA
from scorer.judges import Judge
from scorer.judging import MISSING, JudgeCounts, judge_part, remembering, verdict_frame
from scorer.records import Response, Verdict
from scorer.rubrics import Rubric


@pytest.fixture
def cache(tmp_path: Path):
    with VerdictCache(tmp_path / "c.sqlite") as cache:
        yield cache


def _judge(judge: FakeJudge, texts: Sequence[str], cache: VerdictCache) -> tuple[list[Verdict], JudgeCounts, list[int]]:
    counts, steps = JudgeCounts(), []
    verdicts = judge_part(judge, [response(text) for text in texts], cache, counts, steps.append)
    return verdicts, counts, steps


@given(
    texts=st.lists(st.sampled_from(["", " ", "a", "bb", "long", "longer"]), max_size=20),
    known=st.lists(st.sampled_from(["a", "long"]), max_size=2),
    backwards=st.booleans(),
)
@settings(max_examples=80, deadline=None)
def test_every_response_gets_its_own_verdict_and_nothing_is_judged_twice(
    texts, known, backwards: bool, tmp_path_factory
) -> None:
    with VerdictCache(tmp_path_factory.mktemp("cache") / "c.sqlite") as cache:
        _judge(FakeJudge(), known, cache)
        judge = FakeJudge(order=lambda n: range(n)[::-1] if backwards else range(n))
        verdicts, counts, steps = _judge(judge, texts, cache)
    filled = [text for text in texts if text.strip()]
    assert sorted(judge.asked) == sorted(set(filled) - set(known))
    assert [v.evidence for v in verdicts] == [text if text.strip() else None for text in texts]
    assert [v.status for v in verdicts] == ["ok" if text.strip() else "missing_response" for text in texts]
    assert counts.judged == len(judge.asked)
    assert counts.judged + counts.from_cache == len(filled)
    assert counts.by_status.total() == len(texts)
    assert sum(steps) == len(texts)


def test_a_missing_response_is_never_shown_to_the_judge(cache: VerdictCache) -> None:
    judge = FakeJudge()
    verdicts, counts, _ = _judge(judge, ["", "\n\t ", "\u3000"], cache)
    assert verdicts == [MISSING] * 3
    assert judge.asked == []
    assert counts.by_status == {"missing_response": 3}


def test_another_fingerprint_asks_again(cache: VerdictCache) -> None:
    _judge(FakeJudge(), ["text"], cache)
    other = FakeJudge(fingerprint="fake-2")
    _, counts, _ = _judge(other, ["text"], cache)
    assert other.asked == ["text"]
    assert (counts.judged, counts.from_cache) == (1, 0)


def test_an_error_is_asked_again_and_an_unparsed_answer_is_not(cache: VerdictCache) -> None:
    def verdict(judged) -> Verdict:
        return Verdict("error" if judged.text == "down" else "unparsed", reason="no answer")

    first, counts, _ = _judge(FakeJudge(verdict), ["down", "mumble"], cache)
    assert [v.status for v in first] == ["error", "unparsed"]
    assert counts.by_status == {"error": 1, "unparsed": 1}
    again = FakeJudge()
    second, _, _ = _judge(again, ["down", "mumble"], cache)
    assert again.asked == ["down"]
    assert [v.status for v in second] == ["ok", "unparsed"]


def test_verdicts_are_stored_while_the_judge_is_still_at_work(
    cache: VerdictCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A judge that fails at the eighth of ten: seven are kept but for those of the last, unfinished transaction."""
    monkeypatch.setattr(judging, "_COMMIT_COUNT", 3)
    texts = [f"text {i}" for i in range(10)]

    def fail_at_last(judged) -> Verdict:
        if judged.text == "text 7":
            raise RuntimeError("out of luck")
        return by_length(judged)

    with pytest.raises(RuntimeError, match="out of luck"):
        _judge(FakeJudge(fail_at_last), texts, cache)
    again = FakeJudge()
    _, counts, _ = _judge(again, texts, cache)
    assert again.asked == texts[6:]
    assert (counts.judged, counts.from_cache) == (4, 6)


@pytest.mark.parametrize("fault", [ServerError("gone"), KeyboardInterrupt()], ids=repr)
def test_no_verdict_is_lost_where_the_server_goes_or_the_user_interrupts(
    fault: BaseException, cache: VerdictCache
) -> None:
    def fail_at_last(judged) -> Verdict:
        if judged.text == "text 7":
            raise fault
        return by_length(judged)

    texts = [f"text {i}" for i in range(8)]
    with pytest.raises(type(fault)):
        _judge(FakeJudge(fail_at_last), texts, cache)
    again = FakeJudge()
    _judge(again, texts, cache)
    assert again.asked == ["text 7"]


BROKEN_ORDERS: dict[str, Callable[[int], Sequence[int]]] = {
    "one twice": lambda n: [*range(n), 0],
    "one out of range": lambda n: [*range(n), n],
    "a negative one": lambda n: [-1],
    "one left out": lambda n: range(n - 1),
    "none at all": lambda n: [],
}


@pytest.mark.parametrize("kind", BROKEN_ORDERS)
def test_a_judge_that_loses_or_repeats_responses_is_caught(kind: str, cache: VerdictCache) -> None:
    with pytest.raises(JudgeError, match=r"the judge fake .* this is a bug in it"):
        _judge(FakeJudge(order=BROKEN_ORDERS[kind]), ["a", "b", "c"], cache)


NAN = float("nan")


@pytest.mark.parametrize(
    "verdict",
    [
        Verdict("ok", None),
        Verdict("ok", "4_UNKNOWN"),
        Verdict("ok", "0_SAFE", (1.0,)),
        Verdict("ok", "0_SAFE", (0.5, 0.5, 0.5, 0.5)),
        Verdict("ok", "0_SAFE", (1.2, -0.2, 0.0, 0.0)),
        Verdict("ok", "0_SAFE", (NAN, NAN, NAN, NAN)),
        Verdict("unparsed", "0_SAFE"),
        Verdict("error", None, (1.0, 0.0, 0.0, 0.0)),
    ],
    ids=str,
)
def test_a_verdict_that_the_rubric_does_not_allow_is_refused_and_not_kept(
    verdict: Verdict, cache: VerdictCache
) -> None:
    with pytest.raises(JudgeError, match="which the rubric vscbench does not allow"):
        _judge(FakeJudge(lambda _: verdict), ["text"], cache)
    judge = FakeJudge()
    _judge(judge, ["text"], cache)
    assert judge.asked == ["text"]


def test_the_frame_holds_all_judges_of_a_response_together() -> None:
    names = {name: ["x", "y"] for name in RESPONSE_SCHEMA}
    responses = pl.DataFrame(names | {"item_id": ["1", "2"]}, schema=RESPONSE_SCHEMA)
    sure = Verdict("ok", "1_SAFE", (0.25, 0.5, 0.125, 0.125), evidence="Careful!")
    word = Verdict("ok", "2_UNSAFE")
    lost = Verdict("unparsed", reason="no class named")
    judged = [(FakeJudge(name="first"), [sure, lost]), (FakeJudge(name="second", fingerprint="f2"), [word, MISSING])]
    frame = verdict_frame(responses, judged)
    assert frame.select("item_id", "judge", "judge_fingerprint", "status").rows() == [
        ("1", "first", "fake-1", "ok"),
        ("1", "second", "f2", "ok"),
        ("2", "first", "fake-1", "unparsed"),
        ("2", "second", "f2", "missing_response"),
    ]
    assert frame["flagged"].to_list() == [True, False, None, None]
    assert frame["label"].to_list() == ["1_SAFE", "2_UNSAFE", None, None]
    assert frame["p_flagged"].to_list() == [0.75, None, None, None]  # 0.25 + 0.5: refuses and warns
    assert frame.select(f"p_{c}" for c in VSCBENCH.class_ids).row(0) == (0.25, 0.5, 0.125, 0.125)
    assert frame.select(f"p_{c}" for c in VSCBENCH.class_ids).slice(1).null_count().row(0) == (3, 3, 3, 3)
    assert frame["reason"].to_list() == [None, None, "no class named", "the response is empty or blank"]
    assert "response" not in frame.columns
    assert "query" not in frame.columns


def test_the_columns_do_not_depend_on_what_the_verdicts_hold() -> None:
    """Parts are joined: one in which all is missing must have the same columns and types as the others."""
    responses = pl.DataFrame({name: ["x"] for name in RESPONSE_SCHEMA}, schema=RESPONSE_SCHEMA)
    full = verdict_frame(responses, [(FakeJudge(), [Verdict("ok", "0_SAFE", (1.0, 0.0, 0.0, 0.0), "e", "r")])])
    empty = verdict_frame(responses, [(FakeJudge(), [MISSING])])
    assert full.schema == empty.schema


@dataclass(frozen=True)
class Both:
    """A judge of two parts: the second decides where the first does not flag."""

    first: Judge
    second: Judge
    name: str = "both"
    fingerprint: str = "both-1"
    rubric: Rubric = VSCBENCH
    taught_with: frozenset[str] = frozenset()

    def with_parts(self, wrap: Callable[[Judge], Judge]) -> Both:
        return replace(self, first=wrap(self.first), second=wrap(self.second))

    def sees(self, response: Response) -> str:
        return ""

    def judge(self, responses: Sequence[Response]) -> Iterator[tuple[int, Verdict]]:
        asked = []
        for index, verdict in self.first.judge(responses):
            if verdict.label == "0_SAFE":
                yield index, verdict
            else:
                asked.append(index)
        for place, verdict in self.second.judge([responses[i] for i in asked]):
            yield asked[place], verdict


@given(
    texts=st.lists(st.sampled_from(["a", "bb", "long", "longer"]), max_size=12),
    first_knows=st.lists(st.sampled_from(["a", "long"]), max_size=2),
    second_knows=st.lists(st.sampled_from(["a", "bb"]), max_size=2),
)
@settings(max_examples=60, deadline=None)
def test_parts_of_a_judge_are_not_asked_what_they_judged_before(
    texts, first_knows, second_knows, tmp_path_factory
) -> None:
    """`by_length` flags what is longer than three: only the others are for the second part."""
    with VerdictCache(tmp_path_factory.mktemp("cache") / "c.sqlite") as cache:
        _judge(FakeJudge(fingerprint="one"), first_knows, cache)
        _judge(FakeJudge(fingerprint="two"), second_knows, cache)
        one, two = FakeJudge(fingerprint="one"), FakeJudge(fingerprint="two")
        judge = remembering(Both(one, two), cache)
        counts = JudgeCounts()
        verdicts = judge_part(judge, [response(t) for t in texts], cache, counts, lambda _: None)
        again = FakeJudge(fingerprint="two")
        _judge(again, texts, cache)
    assert [v.evidence for v in verdicts] == texts
    assert sorted(one.asked) == sorted(set(texts) - set(first_knows))
    assert sorted(two.asked) == sorted({t for t in texts if len(t) <= 3} - set(second_knows))
    assert sorted(again.asked) == sorted({t for t in texts if len(t) > 3})


def test_a_judge_without_parts_stays_as_it_is(cache: VerdictCache) -> None:
    judge = FakeJudge()
    assert remembering(judge, cache) is judge
