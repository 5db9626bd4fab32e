"""Readers: files of responses -> records. One file here per format; a name that starts with _ is a helper.

To add a format, add a file that holds what `_detect.Reader` describes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import cast

from scorer.errors import InputError
from scorer.readers._detect import LabelsOnlyError, Reader, detect, label_columns, unrecognised
from scorer.readers._files import open_table
from scorer.readers._table import Row, Table, label, required_label, required_text, shown, storable, text
from scorer.records import Response

__all__ = [
    "LabelsOnlyError",
    "Reading",
    "Row",
    "Table",
    "label",
    "open_table",
    "read",
    "reader_names",
    "required_label",
    "required_text",
    "shown",
    "storable",
    "summary",
    "text",
]

_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Reading:
    """A file being read: `detection` is one line for a person, `responses` a stream that can be taken once.

    Taking from `responses` raises InputError where a later row is bad.
    """

    path: Path
    format: str
    detection: str
    responses: Iterator[Response]


def reader_names() -> list[str]:
    """Names of the formats, found by listing this folder."""
    return sorted(file.stem.replace("_", "-") for file in _FOLDER.glob("[!_]*.py"))


def summary(name: str) -> str:
    """What a format is, in one line."""
    return (_reader(name).__doc__ or "").strip().partition("\n")[0]


def read(path: Path, *, format: str = "auto", target: str | None = None, method: str | None = None) -> Reading:
    """Open a file of responses (JSONL, CSV, TSV, Parquet, XLSX) with the reader `format`, or the one that fits.

    `target` and `method` fill in what the file does not say; each reader tells what it overrides. Raises InputError
    where the file cannot be opened, has no rows or no reader fits its columns.
    """
    if format != "auto" and format not in reader_names():
        raise InputError(path, f"the format {format!r}", f"auto or one of {', '.join(reader_names())}", "choose one")
    readers = {name: _reader(name) for name in (reader_names() if format == "auto" else [format])}
    table = open_table(path, lambda columns: detect(columns, readers) is not None)
    name = detect(frozenset(table.columns), readers)
    if name is None and (labels := label_columns(table.columns)):
        raise LabelsOnlyError(path, labels)
    if name is None:
        raise unrecognised(path, table.columns, readers)
    responses = readers[name].read(table, target=target, method=method)
    place = f", {table.note}" if table.note else ""
    detection = f"{path.name}{place}: {name} responses {readers[name].describe(table, target=target)}"
    return Reading(path, name, detection, responses)


def _reader(name: str) -> Reader:
    return cast(Reader, import_module(f"scorer.readers.{name.replace('-', '_')}"))
