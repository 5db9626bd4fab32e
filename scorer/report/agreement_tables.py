"""The agreement report's first tables: who agrees with whom, and every measure beside one reference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scorer.report.agreement_figures import heat, percent_cell
from scorer.report.words import percent, plural

MEASURES = (
    ("accuracy", "Agreement", "share of equal labels"),
    ("kappa", "Cohen’s kappa", "beyond chance, by both sides’ shares"),
    ("alpha", "Krippendorff’s alpha", "beyond chance, pooled shares"),
    ("ac1", "Gwet’s AC1", "beyond chance, steady for rare classes"),
)
VIEWS = ("flagged", "classes")

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Cell:
    """A measure: its value and interval in words, and all of it in percent of the bar's width (None: no bar)."""

    value: str
    interval: str
    at: float | None
    low: float | None
    high: float | None
    ceiling: float | None
    note: str


def cell(measure: Json, name: str, ceiling: Json | None = None) -> Cell:
    """One measure; `ceiling` is the same measure of two references."""
    if measure["value"] is None:
        return Cell("–", "", None, None, None, None, measure.get("reason", ""))
    value, limits = percent_cell(measure) if name == "accuracy" else _coefficient(measure)
    at, low, high = (None if measure[key] is None else bar_position(measure[key]) for key in ("value", "low", "high"))
    top = None if ceiling is None or ceiling["value"] is None else bar_position(ceiling["value"])
    return Cell(value, limits, at, low, high, top, measure.get("reason", ""))


def _coefficient(measure: Json) -> tuple[str, str]:
    limits = "" if measure["low"] is None else f"[{measure['low']:.3f}, {measure['high']:.3f}]"
    return f"{measure['value']:.3f}".replace("-", "−"), limits.replace("-", "−")


def bar_position(value: float) -> float:
    """A fraction in percent of a bar's width, kept inside it."""
    return round(100 * min(max(value, 0.0), 1.0), 1)


class Pairs:
    """The entries of `agreement`, found by whom they compare; two references agree in either order."""

    def __init__(self, document: Json) -> None:
        self._entries: dict[tuple[str, str, str], Json] = {}
        for entry in document["agreement"]:
            kind, rater, reference = entry["kind"], entry["rater"], entry["reference"]
            self._entries[kind, rater, reference] = entry
            if kind == "annotator":
                self._entries[kind, reference, rater] = entry

    def of(self, kind: str, rater: str, reference: str) -> Json | None:
        """The entry of a rater and a reference that have labels in common."""
        entry = self._entries.get((kind, rater, reference))
        return entry if entry is not None and entry["counts"]["compared"] else None

    def ceiling(self) -> Json | None:
        """The two independent references with the most responses in common: what people, or models, reach."""
        found = [
            entry
            for (kind, _, _), entry in self._entries.items()
            if kind == "annotator"
            and entry["independent"]
            and entry["overall"]["flagged"]["kappa"]["value"] is not None
        ]

        def weight(entry: Json) -> tuple[int, float]:
            flagged = entry["overall"]["flagged"]
            return flagged["n"], flagged["kappa"]["value"]

        return max(found, key=weight, default=None)


@dataclass(frozen=True)
class MatrixCell:
    """Two raters' kappa with its heat step; `same` on the diagonal, `independent` as in the document."""

    value: str
    interval: str
    agreement: str
    n: int
    step: int
    same: bool = False
    independent: bool = True


def matrix(document: Json, view: str) -> list[tuple[str, str, list[MatrixCell | None]]]:
    """(kind, rater, cells by reference): judges first, then the references themselves; None where nothing is shared."""
    pairs, references = Pairs(document), [a["name"] for a in document["annotators"]]
    raters = [("judge", judge["name"]) for judge in document["run"]["judges"]]
    raters += [("annotator", name) for name in references] if len(references) > 1 else []
    return [(kind, name, [_matrix_cell(pairs, kind, name, r, view) for r in references]) for kind, name in raters]


def _matrix_cell(pairs: Pairs, kind: str, rater: str, reference: str, view: str) -> MatrixCell | None:
    if kind == "annotator" and rater == reference:
        return MatrixCell("", "", "", 0, 0, same=True)
    entry = pairs.of(kind, rater, reference)
    if entry is None:
        return None
    shown = entry["overall"][view]
    kappa = cell(shown["kappa"], "kappa")
    return MatrixCell(
        kappa.value,
        kappa.interval,
        percent(shown["accuracy"]["value"]),
        shown["n"],
        heat(shown["kappa"]["value"] or 0.0),
        independent=entry["independent"],
    )


@dataclass(frozen=True)
class DetailRow:
    """A rater beside one reference: its cells per view, and what to know about it."""

    name: str
    kind: str
    n: str
    says: str
    cells: dict[str, tuple[tuple[str, Cell], ...]]


def detail_rows(document: Json, reference: str) -> list[DetailRow]:
    """The judges, then the other references, beside one reference."""
    pairs, rows = Pairs(document), []
    ceiling = pairs.ceiling()
    raters = [("judge", judge["name"]) for judge in document["run"]["judges"]]
    raters += [("annotator", a["name"]) for a in document["annotators"] if a["name"] != reference]
    for kind, name in raters:
        entry = pairs.of(kind, name, reference)
        if entry is None:
            continue
        top = None if kind == "annotator" or ceiling is None else ceiling["overall"]
        cells = {
            view: tuple(
                (title, cell(entry["overall"][view][key], key, None if top is None else top[view][key]))
                for key, title, _ in MEASURES
            )
            for view in VIEWS
        }
        rows.append(DetailRow(name, kind, plural(entry["counts"]["compared"], "response"), _says(entry), cells))
    return rows


def _says(entry: Json) -> str:
    said = []
    if entry["kind"] == "annotator":
        said.append("another reference" if entry["independent"] else "another reference, not independent of this one")
    if not entry["class_detail"]:
        said.append("tells only flagged from not flagged")
    if missing := entry["counts"]["rater_has_none"] if entry["kind"] == "judge" else 0:
        said.append(f"{plural(missing, 'labelled response')} without a verdict")
    text = "; ".join(said)
    return f"{text[:1].upper()}{text[1:]}." if text else ""
