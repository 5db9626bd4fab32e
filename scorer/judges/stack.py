"""Embedding and vllm judge together: one probability calibrated on labels (`scorer calibrate --stack`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from scorer.calibration.stack import SavedStack, load_stack
from scorer.errors import JudgeError
from scorer.judges import JudgeOptions
from scorer.judges._parts import TwoParts, build_fast, build_reading, fingerprints
from scorer.records import Response, Verdict
from scorer.rubrics import Rubric


class StackJudge(TwoParts[SavedStack]):
    """p_flagged by logistic regression on both judges'; within each side the mean of both judges' shares."""

    name = "stack"
    kind = "stack"

    def judge(self, responses: Sequence[Response]) -> Iterator[tuple[int, Verdict]]:
        """Both judges judge everything; verdicts come as the second's do."""
        first, second = self._parts
        known = dict(first.judge(responses))
        for index, verdict in second.judge(responses):
            yield index, self._combined(known[index], verdict)

    def _combined(self, first: Verdict, second: Verdict) -> Verdict:
        """A response that one of the two could not score is not scored: the other does not stand in for it."""
        for part, verdict in zip(self._parts, (first, second), strict=True):
            if verdict.status != "ok":
                return Verdict(verdict.status, reason=f"{part.name}: {verdict.reason}", note=verdict.note)
            if verdict.probabilities is None:
                reason = f"{part.name}: a label without probabilities, which a stack cannot combine"
                return Verdict("error", reason=reason, note=verdict.note)
        assert first.probabilities is not None
        assert second.probabilities is not None
        given = (first.probabilities, second.probabilities)
        p_flagged = float(self._saved.combine([[self.rubric.p_flagged(p) for p in given]])[0])
        p = self._shares(np.array(given), p_flagged)
        label = self.rubric.decide(p)
        evidence = first.evidence if label == first.label else None
        return Verdict("ok", label, p, evidence=evidence, note=second.note)

    def _shares(self, given: np.ndarray[tuple[int, int], np.dtype[np.float64]], p_flagged: float) -> tuple[float, ...]:
        """Class probabilities: each side gets its total, split by the mean of both judges' shares within it."""
        out = np.zeros(given.shape[1])
        for side, total in ((True, p_flagged), (False, 1 - p_flagged)):
            rows = np.array([c.flagged == side for c in self.rubric.classes])
            mass = given[:, rows].sum(axis=1, keepdims=True)
            sure = mass[:, 0] > 0
            # a judge that gives a side nothing has no shares in it; where neither has, all are alike
            shares = (given[:, rows][sure] / mass[sure]).mean(axis=0) if sure.any() else np.full(rows.sum(), 1.0)
            out[rows] = total * shares / shares.sum()
        return tuple(out.tolist())


def build(rubric: Rubric, options: JudgeOptions) -> StackJudge:
    """Raises JudgeError without a fitted combination or a model, CalibrationError where it is of other judges."""
    saved = load_stack(options.calibration) if options.calibration else None
    if saved is None:
        raise JudgeError(
            "the judge stack needs to know how to combine its judges: run `scorer calibrate RUN --reference FILE "
            "--stack --out DIR` on a labelled run of both and give it with --calibration DIR."
        )
    parts = build_fast(rubric, options), build_reading(rubric, options)
    saved.belongs_to(fingerprints(parts), rubric.name, rubric.digest)
    return StackJudge(parts, saved, parts[1])
