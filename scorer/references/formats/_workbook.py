"""What openpyxl's fast reading mode does not show: merged cells, drop-downs, and values under no heading."""

from __future__ import annotations

import warnings
from typing import Any

import openpyxl

from scorer.errors import InputError
from scorer.readers import Table, shown


def refuse_merged_cells(table: Table) -> None:
    """Raise InputError where the sheet that is read has merged cells: what they hide cannot be told."""
    for title, sheet in _sheets(table):
        if sheet.merged_cells.ranges:
            where = ", ".join(sorted(str(r) for r in sheet.merged_cells.ranges)[:3])
            got = f"merged cells ({where}) in the sheet {shown(title)}"
            raise InputError(table.path, got, "one value per cell", "unmerge them and fill in every row")


def refuse_values_without_heading(table: Table) -> None:
    """Raise InputError where a column has values and no name: they would be lost without a word."""
    for _, sheet in _sheets(table):
        rows = sheet.iter_rows(values_only=True)
        unnamed = [i for i, name in enumerate(next(rows, ())) if name is None or not str(name).strip()]
        for number, row in enumerate(rows, 2):
            if any(i < len(row) and row[i] is not None for i in unnamed):
                got = f"a value under no heading in row {number}"
                raise InputError(table.path, got, "a name at the top of every column", "name the column or empty it")


def columns_with_drop_downs(table: Table) -> set[str]:
    """Names of the columns that have a list to choose from."""
    found = set()
    for _, sheet in _sheets(table):
        names = [str(cell.value).strip() for cell in sheet[1]]
        for validation in sheet.data_validations.dataValidation:
            for part in validation.sqref.ranges if validation.type == "list" else ():
                found.update(names[part.min_col - 1 : part.max_col])
    return found


def _sheets(table: Table) -> list[tuple[str, Any]]:
    """The sheet that `table` was read from; the note names it where there are several."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about styles and extensions
        book = openpyxl.load_workbook(table.path)
    sheets = [(s.title, s) for s in book.worksheets]
    return [(title, s) for title, s in sheets if len(sheets) == 1 or table.note == f"sheet {shown(title)}"]
