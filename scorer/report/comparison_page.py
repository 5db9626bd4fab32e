"""comparison.json in, one self-contained comparison.html out. Shows numbers, computes none but positions in figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scorer.report.page import render_page
from scorer.report.words import count, listed, moment, number, plural, signed

Json = Mapping[str, Any]

MAX_TEXTS = 500
MAX_CHARACTERS = 4000
"""Of the items that changed, so many stand in the page, with so much of each response; comparison.json holds all."""


@dataclass(frozen=True)
class Line:
    """A row of a forest plot; positions are percent of its width, None where there is nothing to draw."""

    by: str
    name: str
    n: int
    values: str
    difference: str
    interval: str
    at: float | None
    low: float
    high: float
    sure: bool
    became_right: int
    became_wrong: int
    p: str
    p_holm: str
    unscored: int
    only_one: int
    bounds: str


@dataclass(frozen=True)
class Forest:
    """One metric in all slices; the axis runs from -`limit` to +`limit` percentage points."""

    metric: str
    limit: int
    lines: list[Line]


def render_comparison(document: Json) -> str:
    """The whole page as text."""
    forests = [_forest(document, metric) for metric in dict.fromkeys(row["metric"] for row in document["rows"])]
    whole = next(row for row in document["rows"] if row["metric"] == "SRAa" and row["by"] == "overall")
    return render_page(
        "comparison.html.j2",
        {
            "document": document,
            "title": _title(document),
            "whole": whole,
            "forests": forests,
            "changed": document["changed"][:MAX_TEXTS],
            "titles": {c["id"]: c["title"] for c in document["rubric"]["classes"]},
            "cut": MAX_CHARACTERS,
            "level": f"{100 * document['level']:g} %",
            "plural": plural,
            "moment": moment,
            "facts": [
                ("Items compared", count(whole["n"])),
                ("Became right", count(whole["became_right"])),
                ("Became wrong", count(whole["became_wrong"])),
                ("Unscored in one or both", count(_unscored(whole))),
                ("Only in one", count(whole["only_a"] + whole["only_b"])),
            ],
        },
        styles=("base.css", "figures.css", "comparison.css"),
        scripts=("comparison.js",),
        data={},
    )


def _title(document: Json) -> str:
    """The sides by target and method, or by their folders where these are the same."""
    a, b = (f"{listed(document[s]['targets'])} ({document[s]['method']})" for s in "ab")
    if a == b:
        a, b = document["a"]["run"], document["b"]["run"]
    return f"A: {a}, B: {b}"


def _unscored(row: Json) -> int:
    return int(row["unscored_a"] + row["unscored_b"] + row["unscored_both"])


def _forest(document: Json, metric: str) -> Forest:
    rows = [row for row in document["rows"] if row["metric"] == metric]
    reach = max((abs(row[key]) for row in rows for key in ("low", "high") if row[key] is not None), default=0.05)
    limit = next(step for step in (5, 10, 20, 30, 50, 75, 100) if 100 * reach <= step + 1e-9)
    return Forest(metric, limit, [_line(row, limit / 100) for row in rows])


def _line(row: Json, limit: float) -> Line:
    low, high = row["low"], row["high"]
    drawn = row["difference"] is not None
    return Line(
        by=row["by"],
        name=row["slice"],
        n=row["n"],
        values=f"{number(row['value_a'])} → {number(row['value_b'])}" if drawn else "none scored in both",
        difference=signed(row["difference"]) if drawn else "–",
        interval=f"[{signed(low)}, {signed(high)}]" if drawn else "",
        at=_position(row["difference"], limit) if drawn else None,
        low=_position(low, limit) if drawn else 50.0,
        high=_position(high, limit) if drawn else 50.0,
        sure=drawn and (low > 0 or high < 0),
        became_right=row["became_right"],
        became_wrong=row["became_wrong"],
        p=_p(row["p_value"]),
        p_holm=_p(row["p_holm"]),
        unscored=_unscored(row),
        only_one=row["only_a"] + row["only_b"],
        bounds="" if row["bound_low"] is None else f"{signed(row['bound_low'])} to {signed(row['bound_high'])}",
    )


def _position(value: float, limit: float) -> float:
    return round(50 + 50 * value / limit, 2)


def _p(value: float | None) -> str:
    return "–" if value is None else "< 0.001" if value < 0.001 else f"{value:.3f}"
