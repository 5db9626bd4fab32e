"""Any table with the columns item_id and label, and what else is known: annotator, target, method, probability."""

from __future__ import annotations

from scorer.errors import InputError
from scorer.readers import Row, Table, label, required_label
from scorer.references.formats._format import Found, Label, cell_text, same_file_note
from scorer.rubrics import Rubric

PRIORITY = 90
EXPECTED = "item_id, label"


def recognises(columns: frozenset[str]) -> bool:
    """True where both needed columns are there."""
    return columns.issuperset(("item_id", "label"))


def read(table: Table, rubric: Rubric, *, target: str | None, method: str | None) -> Found:
    """One label per row; a blank one was never given. `target` and `method` fill in what a row does not say.

    Without the column annotator, or where it is blank, the annotator is the file's name without its ending.
    """
    found = Found()
    for row in table.rows:
        text = cell_text(row, "label")
        if text is None:
            found.blank += 1
            continue
        found.labels.append(
            Label(
                item_id=required_label(table, row, "item_id"),
                target=label(table, row, "target") or target,
                method=label(table, row, "method") or method,
                annotator=label(table, row, "annotator") or table.path.stem,
                text=text,
                probability=probability(table, row),
            )
        )
    if any(entry.target is None for entry in found.labels):
        found.notes.append(same_file_note("target", table.path))
    return found


def probability(table: Table, row: Row) -> float | None:
    """The chance with which the response was picked; None where the row does not say it."""
    text = cell_text(row, "probability")
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 1:
        got = f"{text[:40]!r} in the column 'probability', {row.where}"
        raise InputError(table.path, got, "a number above 0 and at most 1", "restore what the sample said")
    return value
