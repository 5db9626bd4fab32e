"""Tables for the terminal, from numbers that the pipeline computed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from scorer.records import DIMENSIONS, Estimate

if TYPE_CHECKING:
    from scorer.finish import ScoredRun

_HEADLINE = ("SRAs", "SRAu", "SRAa", "SRA_balanced")
_PIPED_WIDTH = 140
_HEADLINE_SLICE = ("target", "method")


def percent(value: float | None) -> str:
    """A rate as a percentage with one decimal; nothing scored shows as a dash."""
    return "-" if value is None else f"{100 * value:.1f}"


def with_interval(estimate: Estimate) -> str:
    """`58.0 [49.1, 66.3]`."""
    if estimate.value is None:
        return "-"
    return f"{percent(estimate.value)} [{percent(estimate.low)}, {percent(estimate.high)}]"


def print_headline(run: ScoredRun) -> None:
    """SRA per target, method and judge; what could not be scored; where the report lies."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_PIPED_WIDTH)
    leading = str(run.manifest["estimator"])
    rows = headline(run.estimates, leading)
    if rows:
        how = "" if leading == "plugin" else f", corrected by {run.manifest['n_labels']} labels ({leading})"
        table = Table(title=f"Safety response accuracy in percent, with 95 % intervals{how}", title_justify="left")
        for name in ("target", "method", "judge"):
            table.add_column(name, overflow="fold")
        for name in (*_HEADLINE, "n", "unscored"):
            table.add_column(name, justify="right")
        for (target, method, judge), metrics in rows.items():
            pooled = metrics["SRAa"]
            cells = [with_interval(metrics[name]) for name in _HEADLINE]
            table.add_row(target, method, judge, *cells, str(pooled.n), str(pooled.n_unscored))
        console.print(table)
    for note in run.manifest["notes"]:
        console.print(note, markup=False)
    for judge, counts in run.manifest["counts"].items():
        unscored = {status: n for status, n in counts.items() if status != "ok"}
        said = ", ".join(f"{n} {status}" for status, n in sorted(unscored.items())) or "nothing"
        console.print(f"{judge}: {counts.get('ok', 0)} responses scored; could not be scored: {said}.", markup=False)
    if run.manifest.get("cascade"):
        console.print(cascade_line(run.manifest["cascade"]), markup=False)
        if run.manifest["cascade"]["note"]:
            console.print(run.manifest["cascade"]["note"], markup=False)
    console.print(f"report: {run.folder / 'report.html'}", markup=False, soft_wrap=True)


def cascade_line(done: dict[str, Any]) -> str:
    """Who decided how much, and what certifies it: numbers of the manifest's entry `cascade`."""
    certificate, decided = done["certificate"], done["decided"]
    share = f" ({percent(done['escalated'] / decided)} %)" if decided else ""
    said = f"cascade: {done['first']} decided {done['alone']} of {decided} alone; {done['second']} read "
    said += f"{done['escalated']}{share}. "
    region = next((t for t in reversed(certificate["tested"]) if t["passed"]), None)
    if region is None:
        return f"{said}Nothing is certified: {certificate['reason']}."
    return (
        f"{said}Certified alone: agreement on flagged of at least {percent(certificate['target'])} % at "
        f"{100 * certificate['confidence']:g} % confidence (lower bound {percent(region['low'])} % from {region['n']} "
        "labels)."
    )


def headline(estimates: Sequence[Estimate], estimator: str) -> dict[tuple[str, str, str], dict[str, Estimate]]:
    """(target, method, judge) -> metric -> estimate."""
    rows: dict[tuple[str, str, str], dict[str, Estimate]] = {}
    for e in estimates:
        filled = tuple(d for d in DIMENSIONS if getattr(e, d) is not None)
        if filled == _HEADLINE_SLICE and e.estimator == estimator and e.target is not None and e.method is not None:
            rows.setdefault((e.target, e.method, e.judge), {})[e.metric] = e
    return rows
