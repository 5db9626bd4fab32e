"""Formats of labels, one file each, found by listing this folder; a name that starts with _ is a helper.

To add a format, add a file that holds what `_format.Format` describes.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import cast

from scorer.errors import InputError
from scorer.readers import Table, open_table, shown
from scorer.references.formats._format import Format, Found, Label
from scorer.references.formats._workbook import refuse_merged_cells
from scorer.rubrics import Rubric

__all__ = ["Format", "Found", "Label", "format_names", "read_labels"]

_FOLDER = Path(__file__).parent
_MOST_COLUMNS = 12  # named in a message


def format_names() -> list[str]:
    """Names of the formats, found by listing this folder."""
    return sorted(file.stem.replace("_", "-") for file in _FOLDER.glob("[!_]*.py"))


def read_labels(path: Path, rubric: Rubric, *, target: str | None, method: str | None) -> tuple[str, Found]:
    """The format of a file of labels, told by its columns, and what stands in it.

    Raises InputError where the file cannot be opened, no format fits, or a row is bad.
    """
    formats = sorted(((name, _format(name)) for name in format_names()), key=lambda pair: (pair[1].PRIORITY, pair[0]))
    table = open_table(path, lambda columns: any(f.recognises(columns) for _, f in formats), holds="labels")
    if path.suffix.lower() == ".xlsx":
        refuse_merged_cells(table)
    for name, found in formats:
        if found.recognises(frozenset(table.columns)):
            return name, found.read(table, rubric, target=target, method=method)
    raise _unrecognised(table, formats)


def _unrecognised(table: Table, formats: list[tuple[str, Format]]) -> InputError:
    names = [shown(name) for name in table.columns[:_MOST_COLUMNS]]
    more = f" and {len(table.columns) - len(names)} more" if len(table.columns) > len(names) else ""
    expected = "; or ".join(f"{f.EXPECTED} ({name})" for name, f in formats)
    return InputError(
        table.path, f"the columns {', '.join(names)}{more}", expected, "rename the columns, whose names must match"
    )


def _format(name: str) -> Format:
    return cast(Format, import_module(f"{__name__}.{name.replace('-', '_')}"))
