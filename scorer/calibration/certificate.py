"""The certificate of a cascade: where the embedding judge may decide alone, and the labels that say so."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from scorer.assets import text_sha256
from scorer.calibration.belonging import read_saved, refuse_foreign

FILE = "cascade.json"
"""Its name in the folder that `scorer calibrate` writes."""
_FIX = "certify again with `scorer calibrate RUN --reference FILE --cascade --out DIR`"


@dataclass(frozen=True)
class Certificate:
    """Verdicts of `judge` whose confidence max(p_flagged, 1 - p_flagged) is at least `threshold` need no second judge.

    On them it agrees with the labels about `flagged` at a rate of at least `target`, with chance `confidence` that this
    holds. `threshold` is None where nothing is certified; `reason` then says why. `tested` are the tests in their
    order (`stats.certification.Tested`), `share` the part of the run's verdicts decided alone. Of `n_labels` that
    belong to verdicts, `n_thinned` are left with equal chances, `n_used` of them one per group; `fewest` is how many
    a region needs to pass when all agree. `fitted_on` are short digests of the responses whose labels were
    used, `notes` qualify what is certified.
    """

    judge: str
    judge_fingerprint: str
    rubric: str
    rubric_digest: str
    reference_digest: str
    fitted_on: tuple[str, ...]
    target: float
    confidence: float
    threshold: float | None
    share: float
    tested: tuple[dict[str, Any], ...]
    n_verdicts: int
    n_labels: int
    n_thinned: int
    n_used: int
    fewest: int
    seed: int
    reason: str | None
    notes: tuple[str, ...]

    def __post_init__(self) -> None:
        """Lists, as JSON has them, become tuples. Raises ValueError where the threshold is none."""
        object.__setattr__(self, "tested", tuple(self.tested))
        object.__setattr__(self, "notes", tuple(self.notes))
        object.__setattr__(self, "fitted_on", tuple(self.fitted_on))
        if self.threshold is not None and not 0.5 <= self.threshold <= 1:
            raise ValueError(f"a threshold of {self.threshold!r}, where a confidence between 0.5 and 1 is expected")

    @property
    def digest(self) -> str:
        """SHA-256 of all of it."""
        return text_sha256(json.dumps(asdict(self), sort_keys=True))

    @property
    def region(self) -> dict[str, Any] | None:
        """The test of the certified region, None where nothing is certified."""
        return next((t for t in reversed(self.tested) if t["passed"]), None)

    def decides(self, p_flagged: float) -> bool:
        """Whether a verdict with this p_flagged needs no second judge."""
        return self.threshold is not None and max(p_flagged, 1 - p_flagged) >= self.threshold

    def belongs_to(self, judge: str, fingerprint: str, rubric: str, rubric_digest: str) -> None:
        """Raise CalibrationError where it was made for another judge or rubric."""
        refuse_foreign(
            f"the certificate {FILE}",
            {
                "judge": (self.judge, judge),
                "version of the judge": (self.judge_fingerprint, fingerprint),
                "rubric": (self.rubric, rubric),
                "version of the rubric": (self.rubric_digest, rubric_digest),
            },
            _FIX,
        )


def load_certificate(folder: Path) -> Certificate | None:
    """The certificate of a folder, None where it holds none. Raises CalibrationError where it is broken."""
    path = folder / FILE
    return read_saved(path, Certificate, _FIX) if path.exists() else None
