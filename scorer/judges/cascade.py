"""Embedding judge first, the vllm judge where it is unsure: certified by labels (`scorer calibrate --cascade`).

The certificate is about the embedding judge's own probabilities: a calibration of them has no part in the decision.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from scorer.assets import text_sha256
from scorer.calibration.certificate import Certificate, load_certificate
from scorer.errors import JudgeError
from scorer.judges import Judge, JudgeOptions
from scorer.judges._parts import build_fast, build_reading, fingerprints, see_together, taught_together
from scorer.records import Response, Verdict
from scorer.rubrics import Rubric

if TYPE_CHECKING:
    from scorer.judges.vllm import VllmJudge


class CascadeJudge:
    """Verdicts of the first judge where the certificate lets it decide alone, else of the second, whatever it says."""

    name = "cascade"

    def __init__(self, parts: tuple[Judge, Judge], certificate: Certificate, reader: VllmJudge) -> None:
        self.rubric = reader.rubric
        self._parts, self._certificate, self._reader = parts, certificate, reader
        self.taught_with = taught_together(parts)
        self.fingerprint = text_sha256(self.name, *(p.fingerprint for p in parts), certificate.digest)

    def with_parts(self, wrap: Callable[[Judge], Judge]) -> Judge:
        """The same cascade, its judges wrapped."""
        first, second = self._parts
        return CascadeJudge((wrap(first), wrap(second)), self._certificate, self._reader)

    def made_of(self) -> dict[str, Any]:
        """Parts and certificate."""
        return {"parts": fingerprints(self._parts), "certificate": asdict(self._certificate)}

    def sees(self, response: Response) -> str:
        """What the judge that reads sees."""
        return see_together(self._parts, response)

    def judge(self, responses: Sequence[Response]) -> Iterator[tuple[int, Verdict]]:
        """First what is decided alone, then the rest as the second judge answers: an error of its own stays one."""
        first, second = self._parts
        unsure: list[int] = []
        for index, verdict in first.judge(responses):
            p = verdict.probabilities
            if p is not None and self._certificate.decides(self.rubric.p_flagged(p)):
                yield index, replace(verdict, decided_by=first.name)
            else:
                unsure.append(index)
        for place, verdict in second.judge([responses[i] for i in unsure]):
            yield unsure[place], replace(verdict, decided_by=second.name)

    def explain(self, asked: Sequence[tuple[Response, str]]) -> Iterator[tuple[int, str | None]]:
        """Reasons from the judge that reads, whoever decided."""
        return self._reader.explain(asked)


def build(rubric: Rubric, options: JudgeOptions) -> CascadeJudge:
    """Raises JudgeError without a certificate or a model, CalibrationError where the certificate is another's."""
    certificate = load_certificate(options.calibration) if options.calibration else None
    if certificate is None:
        raise JudgeError(
            "the judge cascade needs a certificate of where the embedding judge may decide alone: run `scorer "
            "calibrate RUN --reference FILE --cascade --out DIR` on a labelled run and give it with --calibration DIR."
        )
    first = build_fast(rubric, options)
    certificate.belongs_to(first.name, first.fingerprint, rubric.name, rubric.digest)
    reader = build_reading(rubric, options)
    return CascadeJudge((first, reader), certificate, reader)
