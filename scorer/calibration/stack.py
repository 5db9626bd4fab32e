"""The saved form of a stack: one calibrated probability from those of two judges."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit, logit

from scorer.assets import text_sha256
from scorer.calibration.belonging import read_saved, refuse_foreign
from scorer.stats.intervals import Floats

FILE = "stack.json"
"""Its name in the folder that `scorer calibrate` writes."""
EDGE = 1e-6
"""Probabilities are kept this far from 0 and 1 before their logit is taken."""
_FIX = "fit one again with `scorer calibrate RUN --reference FILE --stack --out DIR`"


@dataclass(frozen=True)
class SavedStack:
    """p = sigmoid(intercept + sum of weight * logit(p_flagged)) over the `parts`, a judge's name -> its fingerprint.

    `weights` stand in the order of `parts`. `held_out` are `agreement` on flagged (a rate) and `log_loss` (nats per
    label), cross-fitted for the stack and as they are for each part alone, on `n` labels of which `n_flagged` say
    flagged. `fitted_on` are short digests of the responses whose labels fitted it.
    """

    parts: dict[str, str]
    rubric: str
    rubric_digest: str
    reference_digest: str
    fitted_on: tuple[str, ...]
    intercept: float
    weights: tuple[float, ...]
    n: int
    n_flagged: int
    held_out: dict[str, dict[str, float]]

    def __post_init__(self) -> None:
        """A list, as JSON has it, becomes a tuple. Raises ValueError where weights and parts do not fit together."""
        object.__setattr__(self, "weights", tuple(self.weights))
        object.__setattr__(self, "fitted_on", tuple(self.fitted_on))
        if len(self.weights) != len(self.parts) or not np.all(np.isfinite([self.intercept, *self.weights])):
            raise ValueError("weights that are not one finite number per judge")

    @property
    def digest(self) -> str:
        """SHA-256 of all of it, the parts in their order."""
        return text_sha256(json.dumps(asdict(self)))

    def combine(self, p_flagged: ArrayLike) -> Floats:
        """(n, parts) probabilities of flagged -> (n,) combined ones."""
        p: Floats = expit(self.intercept + logits(p_flagged) @ np.asarray(self.weights))
        return p

    def belongs_to(self, parts: Mapping[str, str], rubric: str, rubric_digest: str) -> None:
        """Raise CalibrationError where it was fitted for other judges or another rubric."""
        names = {"pair of judges": (" and ".join(self.parts), " and ".join(parts))}
        versions = {f"version of the judge {j}": (self.parts.get(j, ""), known) for j, known in parts.items()}
        rubrics = {"rubric": (self.rubric, rubric), "version of the rubric": (self.rubric_digest, rubric_digest)}
        refuse_foreign(f"the combination {FILE}", names | rubrics | versions, _FIX)


def logits(p: ArrayLike) -> Floats:
    """Logits of probabilities of any shape, kept off infinity."""
    z: Floats = logit(np.clip(np.asarray(p, dtype=float), EDGE, 1 - EDGE))
    return z


def load_stack(folder: Path) -> SavedStack | None:
    """The stack of a folder, None where it holds none. Raises CalibrationError where it is broken."""
    path = folder / FILE
    return read_saved(path, SavedStack, _FIX) if path.exists() else None
