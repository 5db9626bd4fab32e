"""Embedding judge first, the vllm judge where it is unsure: certified by labels (`scorer calibrate --cascade`).

The certificate is about the embedding judge's own probabilities: a calibration of them has no part in the decision.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from scorer.calibration.certificate import Certificate, load_certificate
from scorer.errors import JudgeError
from scorer.judges import JudgeOptions
from scorer.judges._parts import TwoParts, build_fast, build_reading
from scorer.records import Response, Verdict
from scorer.rubrics import Rubric


class CascadeJudge(TwoParts[Certificate]):
    """Verdicts of the first judge where the certificate lets it decide alone, else of the second, whatever it says."""

    name = "cascade"
    kind = "certificate"

    def judge(self, responses: Sequence[Response]) -> Iterator[tuple[int, Verdict]]:
        """First what is decided alone, then the rest as the second judge answers: an error of its own stays one."""
        first, second = self._parts
        unsure: list[int] = []
        for index, verdict in first.judge(responses):
            p = verdict.probabilities
            if p is not None and self._saved.decides(self.rubric.p_flagged(p)):
                yield index, replace(verdict, decided_by=first.name)
            else:
                unsure.append(index)
        for place, verdict in second.judge([responses[i] for i in unsure]):
            yield unsure[place], replace(verdict, decided_by=second.name)


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
