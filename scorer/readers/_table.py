"""What every kind of file becomes: named columns and a stream of rows; and the typed access to one cell."""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from scorer.errors import InputError

BOM = "\ufeff"


@dataclass(frozen=True, slots=True)
class ExcelError:
    """A spreadsheet cell that shows an error such as #N/A instead of a value."""

    code: str


@dataclass(frozen=True, slots=True)
class Row:
    """One record of a file: `index` counts data rows from 0, `where` names it for a person ("line 17", "row 17")."""

    index: int
    where: str
    values: Mapping[str, object]


@dataclass(frozen=True)
class Table:
    """An opened file. `rows` is a stream that can be read once; `note` says which part of the file was taken."""

    path: Path
    columns: tuple[str, ...]
    rows: Iterator[Row]
    note: str = ""


def header_names(path: Path, cells: Sequence[object]) -> list[str]:
    """Column names stripped of blanks and a byte order mark, "" for an unnamed column.

    Raises InputError where no column has a name or a name stands twice.
    """
    names = ["" if cell is None else str(cell).removeprefix(BOM).strip() for cell in cells]
    named = [name for name in names if name]
    if not named:
        raise InputError(path, "no header", "the names of the columns in the first row", "add a header row")
    twice = sorted({name for name in named if named.count(name) > 1})
    if twice:
        raise InputError(
            path, f"the column {shown(twice[0])} twice", "every column once", "rename or remove one of them"
        )
    return names


def text(table: Table, row: Row, column: str) -> str | None:
    """The text of a cell, untouched; None where it is null. Raises InputError for any other type."""
    value = row.values.get(column)
    if _is_null(value):
        return None
    if not isinstance(value, str):
        raise _wrong_type(table, row, column, value)
    return storable(value)


def required_text(table: Table, row: Row, column: str) -> str:
    """The text of a cell, untouched. Raises InputError where it is null, blank or no text."""
    value = text(table, row, column)
    if value is None or not value.strip():
        raise _blank(table, row, column)
    return value


def label(table: Table, row: Row, column: str) -> str | None:
    """A name or number as stripped text (5 and 5.0 give "5"); None where null or blank. Raises InputError else."""
    value = row.values.get(column)
    if _is_null(value):
        return None
    if isinstance(value, str):
        return storable(value).strip() or None
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool) and math.isfinite(value):
        return str(int(value)) if value == int(value) else str(value)
    raise _wrong_type(table, row, column, value)


def required_label(table: Table, row: Row, column: str) -> str:
    """Like `label`, but raises InputError where the cell is null or blank."""
    value = label(table, row, column)
    if value is None:
        raise _blank(table, row, column)
    return value


def shown(name: str, limit: int = 40) -> str:
    """A name from a file as one short printable word for a message."""
    short = name if len(name) <= limit else f"{name[: limit - 3]}..."
    return repr(short) if short.isprintable() else ascii(short)


def _is_null(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def storable(value: str) -> str:
    """A text as it can be stored: lone surrogates become U+FFFD and pairs one character."""
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return value


def _wrong_type(table: Table, row: Row, column: str, value: object) -> InputError:
    got = f"{_kind(value)} in the column {shown(column)}, {row.where}"
    return InputError(table.path, got, "text", "write the value as text")


def _blank(table: Table, row: Row, column: str) -> InputError:
    got = f"nothing in the column {shown(column)}, {row.where}"
    return InputError(table.path, got, "text", "fill the cell or remove the row")


def _kind(value: object) -> str:
    match value:
        case ExcelError(code):
            return f"the spreadsheet error {code}"
        case bool():
            return f"the truth value {str(value).lower()}"
        case int() | float() | Decimal():
            return f"the number {value}"[:60]
        case datetime.date() | datetime.time() | datetime.timedelta():
            return f"the date or time {value}"
        case list():
            return "a list"
        case dict():
            return "an object"
        case _:
            return f"a value of type {type(value).__name__}"
