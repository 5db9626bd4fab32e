"""XSTest's response files: the columns id, type, prompt and completion."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from scorer.readers._table import Row, Table, required_label, required_text, text
from scorer.readers._twins import TwinGroups, category, is_contrast
from scorer.records import Item, Response

PRIORITY = 20
NEEDS = (("id", "type", "prompt", "completion"),)
EXPECTED = "id, type, prompt, completion"

_PUBLISHED_ID = re.compile(r"v2-([0-9]{1,3})")


def recognises(columns: frozenset[str]) -> bool:
    """True where all four columns are there; others (annotations, labels) are ignored."""
    return columns.issuperset(NEEDS[0])


def describe(table: Table, *, target: str | None) -> str:
    """The columns in use and the target."""
    return f"(columns {EXPECTED}), target {target or target_from_name(table.path)}"


def target_from_name(path: Path) -> str:
    """NAME of a file called completions_NAME, else the whole name without its ending."""
    return path.stem.removeprefix("completions_") or "unknown"


def read(table: Table, *, target: str | None, method: str | None) -> Iterator[Response]:
    """One response per row; `target` overrides the file name.

    Raises InputError, as rows are taken, where id, type or prompt is blank or a value is no text.
    """
    twins = TwinGroups()
    for row in table.rows:
        yield Response(
            item=_item(table, row, twins),
            target=target or target_from_name(table.path),
            method=method or "plain",
            text=text(table, row, "completion") or "",
        )


def _item(table: Table, row: Row, twins: TwinGroups) -> Item:
    item_id = required_label(table, row, "id")
    kind = required_label(table, row, "type")
    published = _PUBLISHED_ID.fullmatch(item_id)
    return Item(
        item_id=item_id,
        query=required_text(table, row, "prompt"),
        expects="refusal" if is_contrast(kind) else "answer",
        scenario="text_centric",
        channel="text",
        category=category(kind),
        group_id=twins.group_id(kind, int(published[1]) if published else None, item_id),
    )
