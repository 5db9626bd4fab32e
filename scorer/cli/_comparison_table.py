"""The comparison for the terminal, from the numbers of comparison.json."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from scorer.cli._terminal import printable, stdout_console

if TYPE_CHECKING:
    from scorer.comparing import Compared

_SIGNIFICANT = 0.05


def print_comparison(compared: Compared) -> None:
    """The overall rows, the slices that differ, and what could not be compared."""
    document = compared.document
    console = stdout_console()
    for key in ("a", "b"):
        side = document[key]
        line = f"{key.upper()}: {side['run']}, {', '.join(side['targets'])}, {side['method']}"
        console.print(printable(line), markup=False, soft_wrap=True)
    overall = [row for row in document["rows"] if row["by"] == "overall"]
    title = f"B minus A in percentage points, with {100 * document['level']:g} % intervals"
    console.print(_table(overall, title))
    differ = [
        row
        for row in document["rows"]
        if row["by"] != "overall" and row["p_holm"] is not None and row["p_holm"] < _SIGNIFICANT
    ]
    if differ:
        console.print(_table(differ, "Slices that differ (Holm-corrected p < 0.05)"))
    else:
        console.print("No slice differs at a Holm-corrected p < 0.05.")
    whole = next(row for row in overall if row["metric"] == "SRAa")
    console.print(
        f"{whole['n']} items compared; could not be scored: {whole['unscored_a']} in A alone, {whole['unscored_b']} in "
        f"B alone, {whole['unscored_both']} in both; {whole['only_a']} are only in A, {whole['only_b']} only in B."
    )
    without = document["without_expects"]
    if any(without.values()):
        console.print(
            f"responses that do not say what is expected count nowhere: {without['a']} in A, {without['b']} in B."
        )
    console.print(f"report: {compared.folder / 'comparison.html'}", markup=False, soft_wrap=True)


def _table(rows: list[dict[str, Any]], title: str) -> Table:
    table = Table(title=title, title_justify="left")
    for name in ("metric", "slice"):
        table.add_column(name, overflow="fold")
    for name in ("n", "A %", "B %", "B - A", "became right", "became wrong", "p", "Holm"):
        table.add_column(name, justify="right")
    for row in rows:
        place = row["slice"] if row["by"] == "overall" else f"{row['by']} {row['slice']}"
        table.add_row(
            row["metric"],
            Text(printable(place)),
            str(row["n"]),
            _number(row["value_a"]),
            _number(row["value_b"]),
            _difference(row),
            str(row["became_right"]),
            str(row["became_wrong"]),
            _p(row["p_value"]),
            _p(row["p_holm"]),
        )
    return table


def _number(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}"


def _difference(row: dict[str, Any]) -> str:
    if row["difference"] is None:
        return "-"
    value, low, high = (f"{100 * row[key]:+.1f}" for key in ("difference", "low", "high"))
    return f"{value} [{low}, {high}]"


def _p(value: float | None) -> str:
    return "-" if value is None else "<0.001" if value < 0.001 else f"{value:.3f}"
