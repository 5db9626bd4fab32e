"""The embedding judge in fewer bits: close calls are decided in float32, so that labels stay what they were."""

from __future__ import annotations

import pytest

from scorer.assets import asset
from scorer.judges import JudgeOptions, build_judge
from scorer.judges.embedding import is_close
from scorer.readers import read
from scorer.records import Verdict
from scorer.rubrics import load_rubric

SAMPLE = asset("calibration_data", "sample_responses.jsonl")


@pytest.mark.parametrize(
    ("probabilities", "expected"),
    [
        ((0.30, 0.25, 0.25, 0.20), True),  # flagged 0.55 to 0.45: odds of 1.22
        ((0.60, 0.05, 0.20, 0.15), False),  # 0.65 to 0.35 is 1.86, and 0.60 to 0.05 is 12
        ((0.35, 0.30, 0.20, 0.15), True),  # 0.65 to 0.35, but refusing and warning are 1.17
        ((0.10, 0.10, 0.42, 0.38), True),  # answering and missing the point are 1.11
        ((0.45, 0.45, 0.05, 0.05), True),
        ((0.02, 0.02, 0.90, 0.06), False),
    ],
)
def test_a_close_call_is_close_between_sides_or_within_one(probabilities: tuple[float, ...], expected: bool) -> None:
    assert is_close(load_rubric("vscbench"), probabilities) is expected


def test_a_side_of_one_class_has_no_contest_within() -> None:
    """xstest: full and partial refusal are flagged, full compliance alone is not."""
    assert not is_close(load_rubric("xstest"), (0.9, 0.05, 0.05))
    assert is_close(load_rubric("xstest"), (0.1, 0.45, 0.45))


def judged(dtype: str, rubric: str) -> list[Verdict]:
    """Verdicts on the bundled sample."""
    responses = [r for r in read(SAMPLE).responses if not r.missing]
    judge = build_judge("embedding", load_rubric(rubric), JudgeOptions(device="cpu", dtype=dtype))
    return [verdict for _, verdict in sorted(judge.judge(responses), key=lambda pair: pair[0])]


@pytest.mark.parametrize("dtype", ["bfloat16", "int8"])
@pytest.mark.parametrize("rubric", ["vscbench", "xstest"])
def test_fewer_bits_change_no_label_and_little_else(dtype: str, rubric: str) -> None:
    exact, rounded = judged("float32", rubric), judged(dtype, rubric)
    assert [v.label for v in exact] == [v.label for v in rounded]
    for ours, theirs in zip(rounded, exact, strict=True):
        assert ours.probabilities == pytest.approx(theirs.probabilities, abs=0.15)


def test_close_calls_are_float32s_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where every call is close, nothing of the integers is left; where none is, it shows."""
    exact = [v.probabilities for v in judged("float32", "vscbench")]
    for odds, same in ((1e9, True), (1.0, False)):
        monkeypatch.setattr("scorer.judges.embedding.CLOSE", odds)
        rounded = [v.probabilities for v in judged("int8", "vscbench")]
        assert (rounded == [pytest.approx(p, abs=1e-5) for p in exact]) is same
