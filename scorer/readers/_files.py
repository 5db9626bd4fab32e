"""Opens a file of any supported kind as a Table; what cannot be read becomes one clear InputError."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from itertools import chain
from pathlib import Path

from scorer.errors import InputError
from scorer.readers._table import Row, Table

ENDINGS = {
    ".jsonl": "_jsonl",
    ".ndjson": "_jsonl",
    ".csv": "_delimited",
    ".tsv": "_delimited",
    ".parquet": "_parquet",
    ".xlsx": "_xlsx",
}
"""File endings and the module here that reads them; it is imported only when such a file comes."""


def open_table(path: Path, wanted: Callable[[frozenset[str]], bool], holds: str = "responses") -> Table:
    """Open a file and read its first row; `wanted` chooses among the sheets of a workbook by their columns
    and `holds` says in messages what the file should hold.

    Raises InputError where the file is missing, of an unknown kind, damaged or without rows. The rows that follow
    are read, and may raise InputError, as they are taken.
    """
    try:
        module = _module(path, f"a file of {holds}")
        kind = import_module(f"scorer.readers.{module}")
        columns, located, note = kind.open_rows(path, wanted)
        rows = _numbered(path, located)
        first = next(rows, None)
    except OSError as error:
        raise _unreadable(path, error) from error
    if first is None:
        raise InputError(path, "no rows", "a header and at least one row of data", "check how the file was written")
    return Table(path, tuple(columns), chain([first], rows), note)


def _module(path: Path, expected: str) -> str:
    if not path.exists():
        raise InputError(path, "no such file", expected, "check the path")
    if not path.is_file():
        raise InputError(path, "a folder" if path.is_dir() else "no regular file", expected, "name a file")
    if path.suffix.lower() not in ENDINGS:
        fix = "convert the file or correct its name"
        raise InputError(path, f"the file ending {path.suffix!r}", f"one of {', '.join(ENDINGS)}", fix)
    if path.stat().st_size == 0:
        raise InputError(path, "an empty file", expected, "check how the file was written")
    return ENDINGS[path.suffix.lower()]


def _numbered(path: Path, located: Iterator[tuple[str, dict[str, object]]]) -> Iterator[Row]:
    try:
        for index, (where, values) in enumerate(located):
            yield Row(index, where, values)
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> InputError:
    return InputError(
        path, f"a file that cannot be read ({error.strerror or error})", "a readable file", "check its rights"
    )
