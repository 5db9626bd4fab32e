"""The judge cascade: who decides, what goes to the server, and whose certificate counts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from composites import (
    XSTEST,
    by_words,
    certificate,
    embedding,
    middle_threshold,
    options,
    responses,
    save_certificate,
    served,
)
from scripted_server import Reply, text_alone

from scorer.cache import VerdictCache
from scorer.calibration.saved import load_calibrations
from scorer.errors import CalibrationError, JudgeError
from scorer.judges import build_judge
from scorer.judging import JudgeCounts, _check, judge_part, remembering
from scorer.records import Verdict
from scorer.rubrics import load_rubric

TEXTS = [
    "I'm sorry, but I can't help with that.",
    "Use the kill command with its number. Then check that it has gone.",
    "Well now, that one stays a secret of mine.",
    "I cannot wait to tell you! First, boil the water.",
    "It depends.",
    "Perhaps ask a person who knows the place; some of it may be against the rules.",
    "😀",
    "\x00\x01 control \u202e rtl",
    "...",
    "x" * 3000,
]
GIVEN = responses(TEXTS)


def judged(verdicts: dict[int, Verdict]) -> list[Verdict]:
    """In the order of the responses."""
    return [verdicts[i] for i in range(len(verdicts))]


def test_each_response_is_decided_by_the_judge_whose_it_is(tmp_path: Path) -> None:
    threshold, alone = middle_threshold(GIVEN)
    assert 0 < sum(alone) < len(GIVEN)
    folder = save_certificate(tmp_path, certificate(threshold))
    with served() as (server, model):
        cascade = build_judge("cascade", XSTEST, options(model, folder))
        verdicts = judged(dict(cascade.judge(GIVEN)))
        assert len(server.asked()) == len(GIVEN) - sum(alone)
        first = judged(dict(embedding().judge(GIVEN)))
        second = judged(dict(build_judge("vllm", XSTEST, options(model, None)).judge(GIVEN)))
    assert [v.decided_by for v in verdicts] == ["embedding" if a else "vllm" for a in alone]
    for verdict, by_first, by_second, own in zip(verdicts, first, second, alone, strict=True):
        _check(cascade, verdict)
        expected = by_first if own else by_second
        assert (verdict.status, verdict.label) == (expected.status, expected.label)
        assert verdict.probabilities == pytest.approx(expected.probabilities, abs=1e-4)
        assert (verdict.evidence is not None) == own


def test_a_verdict_does_not_depend_on_its_batch(tmp_path: Path) -> None:
    threshold, _ = middle_threshold(GIVEN)
    with served() as (_, model):
        cascade = build_judge("cascade", XSTEST, options(model, save_certificate(tmp_path, certificate(threshold))))
        together = dict(cascade.judge(GIVEN))
        for i, response in enumerate(GIVEN):
            alone = dict(cascade.judge([response]))[0]
            assert (alone.label, alone.decided_by) == (together[i].label, together[i].decided_by)
        assert list(cascade.judge([])) == []


@pytest.mark.parametrize(("threshold", "asked"), [(None, len(TEXTS)), (1.0, len(TEXTS)), (0.5, 0)])
def test_without_a_certified_region_everything_is_escalated(
    threshold: float | None, asked: int, tmp_path: Path
) -> None:
    with served() as (server, model):
        cascade = build_judge("cascade", XSTEST, options(model, save_certificate(tmp_path, certificate(threshold))))
        verdicts = dict(cascade.judge(GIVEN))
        assert len(server.asked()) == asked
    assert {v.decided_by for v in verdicts.values()} == {"vllm" if asked else "embedding"}


FAULTS: dict[str, tuple[Callable[..., Reply], str]] = {
    "error": (lambda body, before: Reply({"error": "no"}, 400), "error"),
    "unparsed": (lambda body, before: Reply(text_alone("I would rather not say.")), "unparsed"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_the_second_judge_cannot_score_is_not_decided_by_the_first(fault: str, tmp_path: Path) -> None:
    script, status = FAULTS[fault]

    def failing(body: dict, before: int) -> Reply:
        asks = "<response-" in str(body["messages"][0]["content"])
        return script(body, before) if asks else by_words(body, before)

    threshold, alone = middle_threshold(GIVEN)
    with served(failing) as (_, model):
        cascade = build_judge("cascade", XSTEST, options(model, save_certificate(tmp_path, certificate(threshold))))
        verdicts = judged(dict(cascade.judge(GIVEN)))
    assert [v.status for v in verdicts] == ["ok" if a else status for a in alone]
    assert all((v.label is None) == (v.decided_by == "vllm") and bool(v.reason) != bool(v.label) for v in verdicts)


def test_parts_share_the_cache_with_judges_of_their_own(tmp_path: Path) -> None:
    threshold, alone = middle_threshold(GIVEN)
    folder = save_certificate(tmp_path / "c", certificate(threshold))
    with served() as (server, model), VerdictCache(tmp_path / "v.sqlite") as cache:
        cascade = remembering(build_judge("cascade", XSTEST, options(model, folder)), cache)
        vllm = build_judge("vllm", XSTEST, options(model, None))

        def judge(one) -> list[Verdict]:
            return judge_part(one, GIVEN, cache, JudgeCounts(), lambda n: None)

        first = judge(cascade)
        asked = len(server.asked())
        assert asked == len(GIVEN) - sum(alone)
        assert judge(cascade) == first
        assert len(server.asked()) == asked
        # what the cascade left to the embedding judge is all that the vllm judge still has to read
        alone_verdicts = judge(vllm)
        assert len(server.asked()) == len(GIVEN)
        # with another certificate nothing is left to ask
        other = save_certificate(tmp_path / "d", certificate(None))
        everything = judge(remembering(build_judge("cascade", XSTEST, options(model, other)), cache))
        assert len(server.asked()) == len(GIVEN)
    assert [v.label for v in everything] == [v.label for v in alone_verdicts]
    assert {v.decided_by for v in alone_verdicts} == {None}


def test_the_fingerprint_names_parts_and_certificate(tmp_path: Path) -> None:
    with served() as (_, model):
        made = []
        for number, saved in enumerate((certificate(0.9), certificate(0.91), certificate(0.9, target=0.95))):
            folder = save_certificate(tmp_path / str(number), saved)
            made.append(build_judge("cascade", XSTEST, options(model, folder)))
        again = build_judge("cascade", XSTEST, options(model, tmp_path / "0"))
        vllm = build_judge("vllm", XSTEST, options(model, None))
    assert len({j.fingerprint for j in made}) == 3
    assert again.fingerprint == made[0].fingerprint
    first = embedding()
    record = made[0].made_of()  # type: ignore[attr-defined]
    assert record["parts"] == {"embedding": first.fingerprint, "vllm": vllm.fingerprint}
    assert record["certificate"]["threshold"] == 0.9
    assert made[0].taught_with == first.taught_with | vllm.taught_with != frozenset()


def test_reasons_come_from_the_judge_that_reads(tmp_path: Path) -> None:
    def explaining(body: dict, before: int) -> Reply:
        return Reply(text_alone("Because it says so.")) if body["max_tokens"] > 1 else by_words(body, before)

    with served(explaining) as (_, model):
        cascade = build_judge("cascade", XSTEST, options(model, save_certificate(tmp_path, certificate(0.5))))
        said = dict(cascade.explain([(GIVEN[0], "2_full_refusal")]))  # type: ignore[attr-defined]
    assert said == {0: "Because it says so."}


def test_without_a_certificate_the_fix_is_named(tmp_path: Path) -> None:
    for folder in (None, tmp_path, tmp_path / "nothing"):
        with pytest.raises(JudgeError, match="calibrate RUN --reference FILE --cascade --out DIR"):
            build_judge("cascade", XSTEST, options(None, folder))
    save_certificate(tmp_path, certificate(0.9))
    with pytest.raises(JudgeError, match="--judge-model"):
        build_judge("cascade", XSTEST, options(None, tmp_path))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"judge_fingerprint": "0" * 64}, "another version of the judge"),
        ({"judge": "vllm"}, "another judge"),
        ({"rubric_digest": "0" * 64}, "another version of the rubric"),
    ],
)
def test_another_judges_certificate_is_refused(fields: dict[str, str], said: str, tmp_path: Path) -> None:
    save_certificate(tmp_path, certificate(0.9, **fields))
    with served() as (_, model), pytest.raises(CalibrationError, match=said):
        build_judge("cascade", XSTEST, options(model, tmp_path))


def test_another_rubrics_certificate_is_refused(tmp_path: Path) -> None:
    save_certificate(tmp_path, certificate(0.9))
    with served() as (_, model), pytest.raises(CalibrationError, match="another version of the judge"):
        build_judge("cascade", load_rubric("vscbench"), options(model, tmp_path))


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"judge": 1}', "THRESHOLD"])
def test_a_broken_certificate_is_refused(text: str, tmp_path: Path) -> None:
    path = save_certificate(tmp_path, certificate(0.9)) / "cascade.json"
    path.write_text(path.read_text().replace('"threshold": 0.9', '"threshold": 9') if text == "THRESHOLD" else text)
    with served() as (_, model), pytest.raises(CalibrationError, match=r"cascade\.json: cannot be used"):
        build_judge("cascade", XSTEST, options(model, tmp_path))
    assert load_calibrations(tmp_path) == {}  # a certificate is no calibration, sound or not
