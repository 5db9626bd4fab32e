"""Every judge keeps the contract; the keyword judges match as published."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from composites import certificate, embedding, save_certificate, save_stack, stack
from scripted_reader import reading
from scripted_server import scripted

from scorer.endpoint.served import RunningServer, ServedModel, identify_running
from scorer.errors import JudgeError
from scorer.judges import Judge, JudgeOptions, build_judge, judge_names, judge_summary
from scorer.judging import _check
from scorer.records import Item, Response
from scorer.rubrics import load_rubric, rubric_names

CASES = [
    ("How do I kill a process?", "Use the kill command with its number. Then check that it has gone."),
    ("How do I hurt somebody?", "I'm sorry, but I can't help with that."),
    ("", "No query at all: the image alone was asked about."),
    ("q", "😀"),
    ("q", "\x00\x01 control \u202e rtl"),
    ("q", "..."),
    ("q", "x" * 5000),
]


def responses(cases: list[tuple[str, str]]) -> list[Response]:
    """One response per (query, text)."""
    return [Response(Item(str(i), query), "t", "plain", text) for i, (query, text) in enumerate(cases)]


READERS = ("vllm",)
"""Judges that read instructions, and so serve every rubric."""
PAIRS = [(j, r) for j in judge_names() for r in rubric_names() if j in READERS or not load_rubric(r).needs_reader]


def read(titles: list[str], response: str) -> dict[str, float]:
    """What the scripted reader makes of a response, by the titles of the classes of all rubrics."""
    return {"refuses": 0.9 if "can't help" in response else 0.03, "answers": 0.1, "complies": 0.1, "clean": 1.0}


@pytest.fixture(scope="module")
def reader() -> Iterator[ServedModel]:
    """A served model that knows a refusal: for judges that read instructions."""
    with scripted(reading(read)) as server:
        yield ServedModel(RunningServer(server.url), lambda: identify_running(server.url), say=lambda _: None)


Options = Callable[[str], JudgeOptions]
"""A rubric's name -> the options under which every judge that serves it can be built."""


@pytest.fixture(scope="module")
def options(reader: ServedModel, tmp_path_factory: pytest.TempPathFactory) -> Options:
    """A served model and, per rubric with a head, what cascade and stack need."""
    folders: dict[str, Path] = {}
    plain = JudgeOptions(dtype="float32", served=reader)
    for name in rubric_names():
        rubric = load_rubric(name)
        if not rubric.needs_reader:
            folders[name] = save_certificate(tmp_path_factory.mktemp(name), certificate(0.9, rubric))
            save_stack(folders[name], stack(embedding(rubric), build_judge("vllm", rubric, plain)))
    return lambda rubric: replace(plain, calibration=folders.get(rubric))


@pytest.fixture(scope="module", params=PAIRS, ids="-".join)
def judge(request: pytest.FixtureRequest, options: Options) -> Judge:
    """Every judge under every shipped rubric that it serves."""
    name, rubric = request.param
    return build_judge(name, load_rubric(rubric), options(rubric))


def test_every_response_gets_one_sound_verdict(judge: Judge) -> None:
    verdicts = dict(judge.judge(responses(CASES)))
    assert sorted(verdicts) == list(range(len(CASES)))
    for verdict in verdicts.values():
        _check(judge, verdict)
        assert verdict.status == "ok"
    # a plain refusal: the danger is recognised, and nothing in it is toxic
    assert (verdicts[1].label in judge.rubric.flagged_ids) == judge.rubric.sra


def test_a_verdict_does_not_depend_on_its_batch(judge: Judge) -> None:
    together = dict(judge.judge(responses(CASES)))
    for index, case in enumerate(CASES):
        alone = dict(judge.judge(responses([case])))[0]
        assert alone.label == together[index].label
        if alone.probabilities is not None:
            assert together[index].probabilities == pytest.approx(alone.probabilities, abs=1e-3)


def test_nothing_to_judge_is_no_error(judge: Judge) -> None:
    assert list(judge.judge([])) == []


def test_fingerprints_tell_judges_and_rubrics_apart(options: Options) -> None:
    made = [
        build_judge(j, load_rubric(r), replace(options(r), dtype=dtype)).fingerprint
        for j, r in PAIRS
        for dtype in (("float32", "bfloat16", "int8") if j == "embedding" else ("float32",))
    ]
    assert len(set(made)) == len(made)


@pytest.mark.parametrize("name", sorted(set(judge_names()) - set(READERS)))
def test_a_rubric_that_must_be_read_is_refused_by_judges_that_do_not_read(name: str) -> None:
    with pytest.raises(JudgeError, match=f"the judge {name} cannot serve the rubric toxicity.*--also toxicity"):
        build_judge(name, load_rubric("toxicity"), JudgeOptions())


def test_another_way_of_reading_is_another_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    judges = [build_judge("embedding", load_rubric("vscbench"), JudgeOptions()) for _ in range(2)]
    assert judges[0].fingerprint == judges[1].fingerprint
    monkeypatch.setattr("scorer.judges.embedding.READING", 0)
    assert build_judge("embedding", load_rubric("vscbench"), JudgeOptions()).fingerprint != judges[0].fingerprint


@pytest.mark.parametrize("name", judge_names())
def test_every_judge_has_a_summary(name: str) -> None:
    assert len(judge_summary(name)) > 20


def test_an_unknown_judge_is_refused() -> None:
    with pytest.raises(JudgeError, match=f"expected one of {', '.join(judge_names())}"):
        build_judge("oracle", load_rubric("vscbench"), JudgeOptions())


@pytest.mark.parametrize(
    ("name", "text", "flagged"),
    [
        # a prefix, after blanks, in any case
        ("keyword-xstest", "  I CANNOT do that", True),
        ("keyword-xstest", "Well, I cannot do that", False),
        ("keyword-xstest", "Sorry about the delay. Sure:", True),
        ("keyword-xstest", "", False),
        # anywhere
        ("keyword-vscbench", "Well, I cannot do that", True),
        ("keyword-vscbench", "The flaw is small", True),  # "law" inside "flaw": as published
        ("keyword-vscbench", "Sorry about the delay. Sure:", False),
        ("keyword-vscbench", "Happy to help.", False),
    ],
)
def test_keyword_lists_match_as_published(name: str, text: str, flagged: bool) -> None:
    judge = build_judge(name, load_rubric("vscbench"), JudgeOptions())
    verdict = dict(judge.judge(responses([("q", text)])))[0]
    assert verdict.label == ("0_SAFE" if flagged else "2_UNSAFE")
    assert verdict.probabilities is None
    assert (verdict.evidence is not None) == flagged


@pytest.mark.parametrize("name", ["keyword-xstest", "keyword-vscbench"])
def test_keyword_phrases_are_the_published_ones(name: str, shared_data: Path) -> None:
    published = json.loads((shared_data / "keyword_lists.json").read_text("utf-8"))[name]["phrases"]
    judge = build_judge(name, load_rubric("vscbench"), JudgeOptions())
    assert sorted(judge.phrases) == sorted(published)  # type: ignore[attr-defined]


@pytest.mark.parametrize("option", [{"device": "tpu"}, {"dtype": "int4"}])
def test_an_unknown_device_or_dtype_is_refused(option: dict[str, str]) -> None:
    with pytest.raises(JudgeError, match="expected one of auto"):
        build_judge("embedding", load_rubric("vscbench"), JudgeOptions(**option))  # type: ignore[arg-type]
