"""What composite judges share: the embedding judge, the one that reads, and what labels said of the two together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar

from scorer.assets import text_sha256
from scorer.calibration.certificate import Certificate
from scorer.calibration.stack import SavedStack
from scorer.judges import Judge, JudgeOptions, build_judge
from scorer.records import Response
from scorer.rubrics import Rubric

if TYPE_CHECKING:
    from scorer.judges.vllm import VllmJudge

Saved = TypeVar("Saved", Certificate, SavedStack)


class TwoParts(Generic[Saved]):
    """All of a composite judge but its verdicts; `kind` names in the manifest what was fitted to labels."""

    name: str
    kind: ClassVar[str]

    def __init__(self, parts: tuple[Judge, Judge], saved: Saved, reader: VllmJudge) -> None:
        self.rubric = reader.rubric
        self._parts, self._reader = parts, reader
        self._saved: Saved = saved
        self.taught_with: frozenset[str] = frozenset().union(*(part.taught_with for part in parts))
        self.fingerprint = text_sha256(self.name, *(part.fingerprint for part in parts), saved.digest)

    def with_parts(self, wrap: Callable[[Judge], Judge]) -> Self:
        """The same judge, its parts wrapped."""
        first, second = self._parts
        return type(self)((wrap(first), wrap(second)), self._saved, self._reader)

    def made_of(self) -> dict[str, Any]:
        """Parts and what was fitted to labels."""
        return {"parts": fingerprints(self._parts), self.kind: asdict(self._saved)}

    def sees(self, response: Response) -> str:
        """What any of the parts sees beside query and text."""
        return "\n".join(seen for part in self._parts if (seen := part.sees(response)))

    def explain(self, asked: Sequence[tuple[Response, str]]) -> Iterator[tuple[int, str | None]]:
        """Reasons from the judge that reads, whoever decided."""
        return self._reader.explain(asked)


def build_fast(rubric: Rubric, options: JudgeOptions) -> Judge:
    """The judge that costs next to nothing."""
    return build_judge("embedding", rubric, options)


def build_reading(rubric: Rubric, options: JudgeOptions) -> VllmJudge:
    """The judge that reads. Raises JudgeError where no model or server is named."""
    from scorer.judges.vllm import build

    return build(rubric, options)


def fingerprints(parts: Sequence[Judge]) -> dict[str, str]:
    """Each part's name and fingerprint."""
    return {part.name: part.fingerprint for part in parts}
