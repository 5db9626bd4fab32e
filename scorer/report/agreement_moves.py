"""The agreement report's further tables: what a judge does to SRAs and SRAu, which judge is better, every slice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from scorer.report.agreement_tables import Cell, Json, Pairs, bar_position, cell
from scorer.report.words import number, percent

SliceRow = list[tuple[int, Cell, Cell] | None]
"""Per judge (n, accuracy, kappa), None where it has no verdict in the slice."""


@dataclass(frozen=True)
class Move:
    """A metric by reference and by rater; positions are percent of the bar."""

    metric: str
    reference: str
    rater: str
    difference: str
    interval: str
    sure: bool
    at_reference: float
    at_rater: float
    n: int


def movement_groups(document: Json, reference: str) -> list[tuple[str, str, list[tuple[str, list[Move]]]]]:
    """(rater, kind, [(target, moves)]): the judges and then other references that are independent of this one."""
    pairs = Pairs(document)
    groups: dict[tuple[str, str], dict[str, list[Move]]] = {}
    for entry in document["sra"]:
        if entry["kind"] == "annotator" and entry["rater"] == reference:
            entry = _turned(entry)
        pair = pairs.of(entry["kind"], entry["rater"], reference)
        if entry["reference"] == reference and pair is not None and pair["independent"]:
            targets = groups.setdefault((entry["rater"], entry["kind"]), {})
            targets.setdefault(entry["target"] or "", []).append(_move(entry))
    found = []
    for (rater, kind), targets in groups.items():
        rows = [(target, moves) for target, moves in targets.items() if target]
        everything = [("all targets", targets[""])] if len(rows) > 1 else []
        found.append((rater, kind, rows + everything))
    return sorted(found, key=lambda group: group[1] == "annotator")


def _turned(entry: Json) -> dict[str, Any]:
    """The same movement seen from the other side."""
    low, high = (None if entry[key] is None else -entry[key] for key in ("high", "low"))
    sides = {"rater": entry["reference"], "reference": entry["rater"], "low": low, "high": high}
    values = {"value": entry["reference_value"], "reference_value": entry["value"], "difference": -entry["difference"]}
    return {**entry, **sides, **values}


def _move(entry: Json) -> Move:
    return Move(
        entry["metric"],
        number(entry["reference_value"]),
        percent(entry["value"]),
        _signed(entry["difference"]),
        "" if entry["low"] is None else f"[{_signed(entry['low'])}, {_signed(entry['high'])}]",
        entry["low"] is not None and (entry["low"] > 0 or entry["high"] < 0),
        bar_position(entry["reference_value"]),
        bar_position(entry["value"]),
        entry["n"],
    )


def _signed(value: float) -> str:
    """Percentage points with a sign: +1.3, −0.8; what rounds to nothing is 0.0."""
    text = f"{100 * value:+.1f}"
    return "0.0" if text in ("+0.0", "-0.0") else text.replace("-", "−")


@dataclass(frozen=True)
class Contest:
    """Two judges against one reference."""

    first: str
    second: str
    first_accuracy: str
    second_accuracy: str
    difference: str
    interval: str
    only_first: int
    only_second: int
    p: str
    verdict: str


def contests(document: Json, reference: str) -> list[Contest]:
    """Every two judges against this reference."""
    return [
        Contest(
            c["first"],
            c["second"],
            percent(c["first_accuracy"]),
            percent(c["second_accuracy"]),
            _signed(c["difference"]),
            "" if c["low"] is None else f"[{_signed(c['low'])}, {_signed(c['high'])}]",
            c["only_first"],
            c["only_second"],
            "< 0.001" if c["p_adjusted"] < 0.001 else f"{c['p_adjusted']:.3f}",
            f"{c['better']} is better" if c["better"] else "no difference shown",
        )
        for c in document["comparisons"]
        if c["reference"] == reference
    ]


def slice_groups(document: Json, reference: str, view: str) -> list[tuple[str, list[tuple[str, SliceRow]]]]:
    """(dimension, [(value, [(n, accuracy, kappa) per judge])])."""
    judges = [judge["name"] for judge in document["run"]["judges"]]
    groups: dict[str, dict[str, SliceRow]] = {}
    for entry in document["agreement"]:
        if entry["kind"] != "judge" or entry["reference"] != reference:
            continue
        place = judges.index(entry["rater"])
        for one in entry["slices"]:
            shown = one[view]
            row = groups.setdefault(one["by"], {}).setdefault(one["value"], [None] * len(judges))
            row[place] = (shown["n"], cell(shown["accuracy"], "accuracy"), cell(shown["kappa"], "kappa"))
    return [(by, list(values.items())) for by, values in groups.items()]
