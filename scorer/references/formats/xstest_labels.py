"""XSTest's label files (id, gpt4_label) and its completions with people's labels (annotation_1, final_label)."""

from __future__ import annotations

import re

from scorer.readers import Table, required_label
from scorer.readers.xstest import target_from_name
from scorer.references.formats._format import Found, Label, cell_text, same_file_note
from scorer.rubrics import Rubric

PRIORITY = 30
EXPECTED = "id, NAME_label or annotation_1"

_ANNOTATION = re.compile(r"annotation_(.+)")
_LABEL = re.compile(r"(.+)_label")
_LABELS_OF = re.compile(r"(?:.*_)?labels_(.+)")


def recognises(columns: frozenset[str]) -> bool:
    """True where there is an id and at least one column of labels."""
    return "id" in columns and any(_annotator(name) for name in columns)


def read(table: Table, rubric: Rubric, *, target: str | None, method: str | None) -> Found:
    """A label per row and annotator: annotation_1 is by annotator_1, NAME_label by NAME; a blank one is none.

    `target` overrides the file name: gpt4_labels_NAME and completions_NAME are for NAME; another name says nothing
    in a file of labels alone, and is the target where completions are there too, as when they are scored.
    """
    columns = [(name, annotator) for name in table.columns if (annotator := _annotator(name))]
    target = target or _target(table)
    found = Found()
    for row in table.rows:
        item_id = required_label(table, row, "id")
        for name, annotator in columns:
            text = cell_text(row, name)
            if text is None:
                found.blank += 1
            else:
                found.labels.append(Label(item_id, target, method, annotator, text))
    if target is None:
        found.notes.append(f"{same_file_note('target', table.path)} Name it with --target.")
    return found


def _annotator(column: str) -> str | None:
    if match := _ANNOTATION.fullmatch(column):
        return f"annotator_{match[1]}"
    match = _LABEL.fullmatch(column)
    return match[1] if match else None


def _target(table: Table) -> str | None:
    if "completion" in table.columns:
        return target_from_name(table.path)
    named = _LABELS_OF.fullmatch(table.path.stem)
    return named[1] if named else None
