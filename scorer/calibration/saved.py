"""A folder of calibrators, one JSON file per judge, tied to judge, rubric and the labels that fitted it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scorer.assets import text_sha256
from scorer.calibration.belonging import COMPOSITE, refuse_foreign
from scorer.calibration.calibrators import load
from scorer.errors import CalibrationError

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SavedCalibration:
    """A fitted calibrator and what it belongs to. `losses` are cross-validated log losses by candidate."""

    judge: str
    judge_fingerprint: str
    rubric: str
    rubric_digest: str
    reference_digest: str
    """SHA-256 over the labels that fitted it: the same labels must not also correct an estimate."""
    calibrator: dict[str, Any]
    n: int
    n_flagged: int
    losses: dict[str, float]

    @property
    def digest(self) -> str:
        """SHA-256 of all of it."""
        return text_sha256(json.dumps(asdict(self), sort_keys=True))

    def apply(self, p_flagged: Floats) -> Floats:
        """(n,) raw probabilities of flagged -> (n,) calibrated ones; NaN stays NaN."""
        out = np.full(len(p_flagged), np.nan)
        known = ~np.isnan(p_flagged)
        if known.any():
            out[known] = load(self.calibrator).predict_proba(p_flagged[known, None])[:, 1]
        return out

    def belongs_to(self, judge: str, fingerprint: str, rubric: str, rubric_digest: str) -> None:
        """Raise CalibrationError where it was fitted for another judge or rubric."""
        refuse_foreign(
            "the calibration",
            {
                "judge": (self.judge, judge),
                "version of the judge": (self.judge_fingerprint, fingerprint),
                "rubric": (self.rubric, rubric),
                "version of the rubric": (self.rubric_digest, rubric_digest),
            },
            "fit one for this judge with `scorer calibrate`",
        )


def write_calibration(saved: SavedCalibration) -> str:
    """The text of its file."""
    return json.dumps(asdict(saved), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def calibration_file(folder: Path, judge: str) -> Path:
    """Where a judge's calibration lies in a folder."""
    return folder / f"{judge}.json"


def load_calibrations(folder: Path) -> dict[str, SavedCalibration]:
    """All calibrations of a folder by judge; what belongs to a cascade or a stack is left to them.

    Raises CalibrationError where the folder holds nothing, or where a calibration is broken.
    """
    files = sorted(folder.glob("*.json")) if folder.is_dir() else []
    if not files:
        raise CalibrationError(
            f"{folder}: got no calibration; expected a folder written by `scorer calibrate --out`; check the path."
        )
    found = {}
    for path in files:
        if path.stem in COMPOSITE:
            continue
        try:
            saved = SavedCalibration(**json.loads(path.read_text(encoding="utf-8")))
            load(saved.calibrator)
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise CalibrationError(
                f"{path}: is no calibration ({error}); write it anew with `scorer calibrate`."
            ) from error
        found[saved.judge] = saved
    return found
