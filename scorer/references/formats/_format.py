"""What a format of labels is, and what it gives: labels as they were written, not yet read by the parser."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from scorer.readers import Row, Table, storable
from scorer.rubrics import Rubric

_LONGEST_ODD = 200  # characters kept of a value that is no text, number or truth value


@dataclass(frozen=True, slots=True)
class Label:
    """One label before parsing. `flagged` is set where only that much is known, `failed` where the labeller failed."""

    item_id: str
    target: str | None
    method: str | None
    annotator: str
    text: str
    flagged: bool | None = None
    failed: bool = False
    probability: float | None = None


@dataclass
class Found:
    """What stands in a file: labels in order, how many cells nobody filled in, and notes for the user."""

    labels: list[Label] = field(default_factory=list)
    blank: int = 0
    notes: list[str] = field(default_factory=list)


class Format(Protocol):
    """What a format's file holds; its docstring's first line is its summary.

    Formats with a lower PRIORITY are asked first. EXPECTED names the needed columns for a person.
    """

    PRIORITY: int
    EXPECTED: str

    def recognises(self, columns: frozenset[str]) -> bool:
        """Whether a file with these columns is in this format."""

    def read(self, table: Table, rubric: Rubric, *, target: str | None, method: str | None) -> Found:
        """All labels. `target` and `method` are what the user said of them. Raises InputError for a bad row."""


def cell_text(row: Row, column: str) -> str | None:
    """What a cell says, whatever its type, without blanks around it; None where it says nothing."""
    value = row.values.get(column)
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, str):
        return storable(value).strip() or None
    return storable(str(value))[:_LONGEST_ODD]


def same_file_note(what: str, path: Path) -> str:
    """A note about labels that do not say whose answers they are for."""
    return f"{path.name}: the labels name no {what}: they hold for every {what} that answered the item."
