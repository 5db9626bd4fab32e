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
    """SHA-256 over the labels that fitted it."""
    fitted_on: list[str]
    """Keys of the responses that fitted it: labels of the same responses correct estimates only by cross-fitting."""
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


def refuse_other_files(out: Path, fingerprints: dict[str, str], rubric_digest: str, reference_digest: str) -> None:
    """Raise CalibrationError where `out` holds anything but calibrations of these judges by these labels."""
    if not out.is_dir() or not any(out.iterdir()):
        return
    if foreign := sorted(
        p.name for p in out.iterdir() if p.suffix != ".json" or p.stem not in {*fingerprints, *COMPOSITE}
    ):
        raise CalibrationError(
            f"{out}: got a folder with other files ({', '.join(foreign[:3])}); expected an empty or new one; choose "
            "another --out, or --force to write beside them."
        )
    for judge, earlier in load_calibrations(out).items():
        belongs = (earlier.judge_fingerprint, earlier.rubric_digest, earlier.reference_digest)
        if belongs != (fingerprints.get(judge), rubric_digest, reference_digest):
            raise CalibrationError(
                f"{out}: holds a calibration of {judge} by other labels, or of another version of it; choose another "
                "--out, or --force to replace it."
            )


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
