"""What was fitted to labels belongs to one judge and one rubric; here it is read, and refused elsewhere."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from scorer.errors import CalibrationError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Saved = TypeVar("Saved", bound=DataclassInstance)

COMPOSITE = ("cascade", "stack")
"""Judges made of others: in a folder of calibrations the file of such a name is not a calibrator of its p_flagged."""
_SHOWN = 12
"""Characters of a hash that tell it from another."""


def refuse_foreign(what: str, pairs: Mapping[str, tuple[str, str]], fix: str) -> None:
    """Raise CalibrationError at the first of `pairs`, name -> (fitted, here), whose two sides differ."""
    for name, (fitted, here) in pairs.items():
        if fitted != here:
            got, expected = (text[:_SHOWN] if len(text) == 64 else text for text in (here, fitted))
            raise CalibrationError(f"{what} was fitted for another {name} (got {got}, expected {expected}); {fix}.")


def read_saved(path: Path, kind: type[Saved], fix: str) -> Saved:
    """The record in a JSON file. Raises CalibrationError where it is broken or is something else."""
    try:
        return kind(**_object(path))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise CalibrationError(f"{path}: cannot be used ({error}); {fix}.") from error


def _object(path: Path) -> dict[str, Any]:
    loaded = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(loaded, dict):
        raise ValueError("it holds no JSON object")
    return loaded
