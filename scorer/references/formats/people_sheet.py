"""The people's workbook: written with a drop-down of the classes for every annotator, and read back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from scorer.errors import InputError
from scorer.readers import Table, required_label, shown
from scorer.references.formats._format import Found, Label, cell_text
from scorer.references.formats._people_book import KEYS, LONGEST_CELL, TEXTS, exact_text, make_book, utf16_length
from scorer.references.formats._workbook import columns_with_drop_downs, refuse_values_without_heading
from scorer.references.formats.table import probability
from scorer.references.labels import parse_label
from scorer.rubrics import Rubric

PRIORITY = 15
EXPECTED = "item_id, target, method, probability, query, response and a column per annotator"

_FIXED = (*KEYS, *TEXTS)
_ENOUGH = 4  # of the fixed columns show that this is such a sheet, even where one was renamed
_MOST_ROWS = 1_048_575


def write(path: Path, picks: pl.DataFrame, rubric: Rubric, *, annotators: Sequence[str] = ("annotator_1",)) -> None:
    """Write one row per pick: the columns item_id, target, method, probability, query, response.

    Raises InputError where the annotators' names do not do as headings or the picks do not fit a sheet.
    """
    _check_annotators(annotators)
    if len(picks) > _MOST_ROWS:
        raise InputError(path, f"{len(picks)} rows", f"at most {_MOST_ROWS} in a sheet", "choose a lower -n")
    for name in KEYS[:3]:
        if any(utf16_length(exact_text(value)) > LONGEST_CELL for value in picks[name].unique().to_list()):
            raise InputError(
                path, f"a {name} that no cell can hold", f"at most {LONGEST_CELL} characters", "shorten it"
            )
    make_book(picks, rubric, annotators).save(path)


def _check_annotators(annotators: Sequence[str]) -> None:
    for name in annotators:
        if not name.strip() or name != name.strip() or not name.isprintable() or len(name) > 100 or name in _FIXED:
            raise InputError(
                "--annotators", shown(name), "printable names up to 100 characters that are no column", "choose others"
            )
    if len(set(annotators)) != len(annotators) or not annotators:
        raise InputError("--annotators", ", ".join(annotators) or "no name", "every name once", "choose others")


def recognises(columns: frozenset[str]) -> bool:
    """True where most of the sheet's columns are there; `read` says which one was renamed or removed."""
    return len(columns & set(_FIXED)) >= _ENOUGH and "custom_id" not in columns and "label" not in columns


def read(table: Table, rubric: Rubric, *, target: str | None, method: str | None) -> Found:
    """A label per row and annotator's column that has a value; blank cells were not labelled.

    The further columns are the annotators': those with a drop-down, and those that name a class at all. Others hold
    remarks and are left out, with a note. Raises InputError for renamed and missing columns.
    """
    missing = [name for name in _FIXED if name not in table.columns]
    if missing:
        got = f"a labelling sheet without the column {', '.join(missing)} (its columns: {', '.join(table.columns)})"
        raise InputError(table.path, got, EXPECTED, "give the columns their names back")
    chosen_from_list: set[str] = set()
    if table.path.suffix.lower() == ".xlsx":
        refuse_values_without_heading(table)
        chosen_from_list = columns_with_drop_downs(table)
    annotators = [name for name in table.columns if name not in _FIXED]
    if not annotators:
        raise InputError(table.path, "a labelling sheet without a column of labels", EXPECTED, "restore the column")
    by_annotator: dict[str, list[Label]] = {name: [] for name in annotators}
    found = Found()
    for row in table.rows:
        item_id, its_target, its_method = (required_label(table, row, name) for name in KEYS[:3])
        chance = probability(table, row)
        for name in annotators:
            text = cell_text(row, name)
            if text is None:
                found.blank += 1
            else:
                by_annotator[name].append(Label(item_id, its_target, its_method, name, text, probability=chance))
    for name, labels in by_annotator.items():
        if name in chosen_from_list or any(parse_label(entry.text, rubric) for entry in labels):
            found.labels += labels
        elif labels:
            found.notes.append(f"{table.path.name}: the column {shown(name)} names no class at all and is left out.")
    if not found.labels:
        found.labels = [entry for labels in by_annotator.values() for entry in labels]
    return found
