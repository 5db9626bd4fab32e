"""CSV (commas) and TSV (tabs) with a header row, read record by record."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path

from scorer.errors import InputError
from scorer.readers._encoding import not_utf8, refuse_utf16
from scorer.readers._table import header_names

_LONGEST_FIELD = 2**31 - 1  # characters; csv stops at 131,072 by default, a response may be longer

Located = tuple[str, dict[str, object]]


def open_rows(path: Path, wanted: Callable[[frozenset[str]], bool]) -> tuple[list[str], Iterator[Located], str]:
    """Named columns, stream of ("row N", values) where the header is row 1, and no note."""
    refuse_utf16(path, "row 1")
    records = _records(path)
    _, header = next(records, (1, []))
    names = header_names(path, header)
    return [name for name in names if name], _rows(path, records, names), ""


def _rows(path: Path, records: Iterator[tuple[int, list[str]]], names: list[str]) -> Iterator[Located]:
    for number, record in records:
        if len(record) != len(names):
            got = f"{len(record)} fields in row {number}"
            fix = "put fields that hold separators or line breaks between quotation marks"
            raise InputError(path, got, f"{len(names)} as in the header", fix)
        yield f"row {number}", {name: field for name, field in zip(names, record, strict=True) if name}


def _records(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Numbered records without the empty lines; the number counts those too, as a spreadsheet does."""
    csv.field_size_limit(_LONGEST_FIELD)
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    number = 0
    # surrogateescape lets a bad byte through to the record that holds it: so the error can name the row
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        records = csv.reader(file, delimiter=delimiter, strict=True)
        try:
            for number, record in enumerate(records, 1):
                if any(_has_bad_bytes(field) for field in record):
                    raise not_utf8(path, f"row {number}")
                if record:
                    yield number, record
        except csv.Error as error:
            got = f"broken quoting in row {number + 1} ({error})"
            raise InputError(
                path, got, "fields quoted as in RFC 4180", "double the quotation marks inside fields"
            ) from error


def _has_bad_bytes(field: str) -> bool:
    if field.isascii():
        return False
    try:
        field.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False
