"""A user's own benchmark: a table with the columns query, image, expects, category."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from scorer.errors import InputError
from scorer.readers import open_table, required_label, text
from scorer.readers.table import item as read_item
from scorer.records import Task

NEEDED = ("query", "image", "expects", "category")
EXPECTED = f"a table (JSONL, CSV, TSV, Parquet, XLSX) with the columns {', '.join(NEEDED)}"


def recognises(source: Path) -> bool:
    """True for any file; a folder is not a table."""
    return source.is_file()


def files(source: Path) -> tuple[Path, ...]:
    """The table itself."""
    return (source,)


def images(source: Path) -> Path:
    """Image paths start from the table's folder."""
    return source.parent


def tasks(source: Path) -> Iterator[Task]:
    """One item per row; an empty `image` is a query of text alone.

    Where there is a column `prompt_mm`, as VSCBench's sheet calls it, its text goes with the image in place of the
    query, which stays what is judged. Raises InputError where `expects` is empty.
    """
    table = open_table(source, lambda columns: columns.issuperset(NEEDED), "queries")
    absent = [name for name in NEEDED if name not in table.columns]
    if absent:
        raise InputError(source, f"no column {', '.join(absent)}", EXPECTED, "add it")
    for row in table.rows:
        required_label(table, row, "expects")
        item = read_item(table, row)
        item = replace(item, channel=item.channel or ("image" if item.image else "text"))
        yield Task(item, text(table, row, "prompt_mm") or None)
