"""The agreement table for the terminal, from the numbers of agreement.json."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from scorer.cli._terminal import printable, stdout_console

if TYPE_CHECKING:
    from scorer.agreement import Agreed

_VIEWS = (("flagged", "flagged"), ("classes", "all classes"))


def print_agreement(agreed: Agreed) -> None:
    """Agreement per rater and reference, what is wrong with the reference, and where the report lies."""
    console = stdout_console()
    console.print(_table(agreed.document["agreement"], f"{100 * agreed.document['level']:g} %"))
    if any(not entry["class_detail"] for entry in agreed.document["agreement"]):
        console.print("* tells only flagged from not flagged: on all classes it is held to classes it cannot give.")
    health = agreed.document["reference_health"]
    for note in health["notes"]:
        console.print(printable(note), markup=False)
    for warning in health["warnings"]:
        place = ", ".join(str(value) for value in warning["slice"].values())
        console.print(Text.assemble((warning["code"], "bold red"), f" ({printable(place)}): ", warning["message"]))
    if not health["warnings"]:
        console.print("reference health: nothing found wrong.")
    console.print(f"report: {agreed.folder / 'agreement.html'}", markup=False, soft_wrap=True)


def _table(agreements: list[dict[str, Any]], level: str) -> Table:
    """One line per rater, reference and view; references against each other come last."""
    table = Table(title=f"Agreement with the reference, with {level} intervals", title_justify="left")
    for name in ("rater", "reference", "labels"):
        table.add_column(name, overflow="fold")
    for name in ("n", "accuracy %", "Cohen's kappa", "Gwet's AC1"):
        table.add_column(name, justify="right", no_wrap=True)
    entries = sorted(agreements, key=lambda entry: entry["kind"] == "annotator")
    for i, entry in enumerate(entries):
        if i and entry["kind"] != entries[i - 1]["kind"]:
            table.add_section()
        for view, title in _VIEWS:
            shown = entry["overall"][view]
            star = "" if view == "flagged" or entry["class_detail"] else "*"
            cells = [
                _with_interval(shown["accuracy"], 100, 1),
                *(_with_interval(shown[k], 1, 3) for k in ("kappa", "ac1")),
            ]
            names = [Text(printable(entry[key])) for key in ("rater", "reference")]
            table.add_row(*names, title + star, str(shown["n"]), *cells)
    return table


def _with_interval(measure: dict[str, Any], scale: int, digits: int) -> str:
    """`0.896 [0.861, 0.929]`; a dash where there is no value, no bracket where there is no interval."""
    if measure["value"] is None:
        return "-"
    value, low, high = (
        None if measure[k] is None else f"{scale * measure[k]:.{digits}f}" for k in ("value", "low", "high")
    )
    return f"{value}" if low is None else f"{value} [{low}, {high}]"
