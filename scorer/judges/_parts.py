"""The two judges that stand behind a composite one: the embedding judge, and the one that reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from scorer.judges import Judge, JudgeOptions, build_judge
from scorer.records import Response
from scorer.rubrics import Rubric

if TYPE_CHECKING:
    from scorer.judges.vllm import VllmJudge

FAST, READING = "embedding", "vllm"


def build_fast(rubric: Rubric, options: JudgeOptions) -> Judge:
    """The judge that costs next to nothing."""
    return build_judge(FAST, rubric, options)


def build_reading(rubric: Rubric, options: JudgeOptions) -> VllmJudge:
    """The judge that reads. Raises JudgeError where no model or server is named."""
    from scorer.judges.vllm import build

    return build(rubric, options)


def see_together(parts: Sequence[Judge], response: Response) -> str:
    """What any of the parts sees beside query and text."""
    return "\n".join(seen for part in parts if (seen := part.sees(response)))


def taught_together(parts: Sequence[Judge]) -> frozenset[str]:
    """What any of the parts was taught with."""
    return frozenset().union(*(part.taught_with for part in parts))


def fingerprints(parts: Sequence[Judge]) -> dict[str, str]:
    """Each part's name and fingerprint."""
    return {part.name: part.fingerprint for part in parts}
