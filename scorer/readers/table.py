"""Any table with the columns query and response, and what else is known: item_id, target, method, channel, expects.

`scorer generate` writes such tables.
"""

from __future__ import annotations

from collections.abc import Iterator

from scorer.errors import InputError
from scorer.readers._table import Row, Table, label, required_text, shown, text
from scorer.records import EXPECTS, Expects, Item, Response

PRIORITY = 90
NEEDS = (("query", "response"),)
EXPECTED = "query, response"
OPTIONAL = ("item_id", "target", "method", "channel", "scenario", "category", "group_id", "expects", "image")
FAILED = "error"
"""The `status` of a row whose response never came."""


def recognises(columns: frozenset[str]) -> bool:
    """True where both needed columns are there."""
    return columns.issuperset(NEEDS[0])


def describe(table: Table, *, target: str | None) -> str:
    """The columns in use and where the target comes from."""
    used = [name for name in (*NEEDS[0], *OPTIONAL) if name in table.columns]
    source = "target from its column" if "target" in table.columns else f"target {target or 'unknown'}"
    return f"(columns {', '.join(used)}), {source}"


def read(table: Table, *, target: str | None, method: str | None) -> Iterator[Response]:
    """One response per row. `target` and `method` fill in where the file has no value.

    A row whose `status` is `error` holds no response, whatever else stands there. Raises InputError, as rows are taken,
    for a blank query without an image, an unknown `expects` or a value that is no text.
    """
    for row in table.rows:
        yield Response(
            item=item(table, row),
            target=label(table, row, "target") or target or "unknown",
            method=label(table, row, "method") or method or "plain",
            text="" if row.values.get("status") == FAILED else text(table, row, "response") or "",
        )


def item(table: Table, row: Row) -> Item:
    """The item of a row; without `item_id` its number counts from 1."""
    image = label(table, row, "image")
    return Item(
        item_id=label(table, row, "item_id") or str(row.index + 1),
        # an image alone may be asked about, as two of VSCBench's rows do
        query=text(table, row, "query") or "" if image else required_text(table, row, "query"),
        expects=_expects(table, row),
        scenario=label(table, row, "scenario"),
        channel=label(table, row, "channel"),
        category=label(table, row, "category"),
        group_id=label(table, row, "group_id"),
        image=image,
    )


def _expects(table: Table, row: Row) -> Expects | None:
    value = label(table, row, "expects")
    if value is None:
        return None
    if value not in EXPECTS:
        got = f"{shown(value)} in the column 'expects', {row.where}"
        raise InputError(table.path, got, f"{' or '.join(EXPECTS)}, or nothing", "correct the value")
    return value
