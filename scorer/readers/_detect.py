"""Which reader a file needs, told by its columns; and what to say where none fits."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

from scorer.errors import InputError
from scorer.readers._table import Table, shown
from scorer.records import Response

_MOST_COLUMNS = 12  # named in a message


class Reader(Protocol):
    """What a reader's file holds; its docstring's first line is its summary.

    Readers with a lower PRIORITY are asked first. NEEDS lists alternative sets of needed columns, EXPECTED names
    them for a person. `read` may check the columns at once, and raises InputError as it takes the rows.
    """

    PRIORITY: int
    NEEDS: tuple[tuple[str, ...], ...]
    EXPECTED: str

    def recognises(self, columns: frozenset[str]) -> bool:
        """Whether a file with these columns is for this reader."""

    def describe(self, table: Table, *, target: str | None) -> str:
        """The columns in use and the target, for the line that says what was detected."""

    def read(self, table: Table, *, target: str | None, method: str | None) -> Iterator[Response]:
        """The responses, one by one."""


class LabelsOnlyError(InputError):
    """The file holds labels of responses, not responses; `got` says so in words."""

    def __init__(self, path: Path, labels: list[str]) -> None:
        self.got = f"labels ({', '.join(labels)}) but no responses"
        super().__init__(path, self.got, "responses", "give the file that holds the responses")


def label_columns(columns: tuple[str, ...]) -> list[str]:
    """The columns of labels in a file that has identifiers and labels, and nothing else (as `id,gpt4_label`)."""
    others = [name for name in columns if name not in ("id", "item_id", "target", "method", "annotator")]
    return others if others and all(name == "label" or name.endswith("_label") for name in others) else []


def detect(columns: frozenset[str], readers: Mapping[str, Reader]) -> str | None:
    """Name of the first reader, by priority, that recognises the columns."""
    by_priority = sorted(readers, key=lambda name: (readers[name].PRIORITY, name))
    return next((name for name in by_priority if readers[name].recognises(columns)), None)


def unrecognised(path: Path, columns: tuple[str, ...], readers: Mapping[str, Reader]) -> InputError:
    """The error that names the columns found, what each format needs, and the nearest way out."""
    named = [shown(name) for name in columns[:_MOST_COLUMNS]]
    more = f" and {len(columns) - len(named)} more" if len(columns) > len(named) else ""
    expected = "; or ".join(f"{reader.EXPECTED} ({name})" for name, reader in readers.items())
    got = f"the columns {', '.join(named)}{more}" if named else "no columns"
    return InputError(path, got, expected, _advice(columns, readers))


def _advice(columns: tuple[str, ...], readers: Mapping[str, Reader]) -> str:
    if len(columns) == 1 and (";" in columns[0] or "\t" in columns[0]):
        return "separate the columns with commas, or with tabs in a .tsv file"
    ways = [
        (name, absent, [_nearest(need, columns) for need in absent])
        for name, reader in readers.items()
        for needs in reader.NEEDS
        if (absent := [need for need in needs if need not in columns])
        and (len(absent) < len(needs) or any(_nearest(need, columns) for need in needs))
    ]
    if not ways:
        return "rename the columns, whose names must match exactly"
    name, absent, near = min(ways, key=lambda way: (way[2].count(None), len(way[1])))
    renames = [f"rename {shown(old)} to {new!r}" for new, old in zip(absent, near, strict=True) if old]
    added = [f"add {new!r}" for new, old in zip(absent, near, strict=True) if not old]
    return f"{' and '.join(renames + added)} to have it read as {name}"


def _nearest(need: str, columns: tuple[str, ...]) -> str | None:
    """The column whose name differs only in case, blanks and the like, or by a slip."""
    plain = {_letters(name): name for name in columns}
    close = difflib.get_close_matches(_letters(need), plain, n=1, cutoff=0.8)
    return plain[close[0]] if close else None


def _letters(name: str) -> str:
    return "".join(char for char in name.casefold() if char.isalnum())
