"""Confusion matrices as heat tables and reliability diagrams as geometry: from numbers to what a template prints."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scorer.report.labels import Box

STEPS = 20
"""Heat comes in steps, each with its class in agreement.css: the page's policy allows no inline style."""

_PLOT = Box(50, 12, 300, 300)
_WIDTH, _HEIGHT = 364.0, 362.0


def heat(share: float) -> int:
    """The step of a share; shares below 0 (a negative kappa) are as pale as 0."""
    return round(STEPS * min(max(share, 0.0), 1.0))


@dataclass(frozen=True)
class HeatCell:
    """A count with its share of the row."""

    count: int
    share: float | None
    step: int
    agrees: bool


@dataclass(frozen=True)
class ClassRow:
    """What holds for one class: precision, recall, F1, each as `94.4 %` and `[90.1, 97.0]`."""

    title: str
    measures: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Confusion:
    """One judge's labels across, the reference's down."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, int, tuple[HeatCell, ...]], ...]
    """(class, how often the reference gave it, cells)."""
    classes: tuple[ClassRow, ...]


def confusion(view: Mapping[str, Any], titles: Mapping[str, str]) -> Confusion:
    """The matrix of one view (`flagged` or `classes`) of an agreement."""
    names = tuple(titles.get(c, c) for c in view["classes"])
    rows = []
    for i, counts in enumerate(view["confusion"]):
        total = sum(counts)
        shares = [n / total if total else None for n in counts]
        cells = tuple(
            HeatCell(n, share, heat(share or 0.0), i == j)
            for j, (n, share) in enumerate(zip(counts, shares, strict=True))
        )
        rows.append((names[i], total, cells))
    classes = tuple(
        ClassRow(name, tuple(percent_cell(view["per_class"][c][m]) for m in ("precision", "recall", "f1")))
        for c, name in zip(view["classes"], names, strict=True)
    )
    return Confusion(names, tuple(rows), classes)


def percent_cell(measure: Mapping[str, Any]) -> tuple[str, str]:
    """(`94.4 %`, `[90.1, 97.0]`) of a rate; a dash and nothing where there is none."""
    if measure["value"] is None:
        return "–", ""
    limits = "" if measure["low"] is None else f"[{100 * measure['low']:.1f}, {100 * measure['high']:.1f}]"
    return f"{100 * measure['value']:.1f} %", limits


@dataclass(frozen=True)
class Dot:
    """One bin: where it stands, its whisker, and a size that grows with the responses in it."""

    x: float
    y: float
    low: float
    high: float
    radius: float
    tooltip: str


@dataclass(frozen=True)
class Reliability:
    """A reliability diagram with the numbers that sum it up."""

    width: float
    height: float
    plot: Box
    ticks: tuple[tuple[float, float, str], ...]
    """(x, y, text) of the ticks on both axes."""
    dots: tuple[Dot, ...]
    path: str
    measures: tuple[tuple[str, str, str], ...]
    """(name, value, what it means)."""
    summary: str


def reliability(entry: Mapping[str, Any]) -> Reliability | None:
    """The diagram of a `calibration` entry; None where the judge gives no probabilities."""
    m = entry["measures"]
    if m is None:
        return None
    most = max(b["n"] for b in m["bins"])
    dots = tuple(
        Dot(
            _x(b["mean"]),
            _y(b["rate"]),
            _y(b["low"]),
            _y(b["high"]),
            round(3.5 + 3.5 * math.sqrt(b["n"] / most), 1),
            f"{b['n']} responses given {_span(b)} (mean {100 * b['mean']:.1f} %): the reference flags "
            f"{100 * b['rate']:.1f} % [{100 * b['low']:.1f}, {100 * b['high']:.1f}]",
        )
        for b in m["bins"]
    )
    measures = (
        (
            "Expected calibration error",
            f"{100 * m['ece_mass']:.1f} %",
            "how far probability and truth lie apart on average",
        ),
        ("Brier score", f"{m['brier']:.3f}", "mean squared error; 0 is perfect, 0.25 is a coin"),
        ("Log loss", f"{m['log_loss']:.3f}", "0 is perfect, 0.693 is a coin; certain mistakes cost most"),
    )
    return Reliability(
        _WIDTH,
        _HEIGHT,
        _PLOT,
        tuple((_x(t / 5), _y(t / 5), str(20 * t)) for t in range(6)),
        dots,
        "M" + "L".join(f"{d.x} {d.y}" for d in dots),
        measures,
        "; ".join(d.tooltip for d in dots),
    )


def _span(b: Mapping[str, Any]) -> str:
    return f"{100 * b['lower']:.1f} to {100 * b['upper']:.1f} %"


def _x(value: float) -> float:
    return round(_PLOT.x + _PLOT.w * value, 1)


def _y(value: float) -> float:
    return round(_PLOT.y + _PLOT.h * (1 - value), 1)
