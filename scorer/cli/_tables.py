"""Tables for the terminal, from numbers that the pipeline computed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from scorer.cli._also_table import print_also
from scorer.cli._terminal import printable, stdout_console
from scorer.records import DIMENSIONS, Estimate, OrderEffect
from scorer.report.words import order_words

if TYPE_CHECKING:
    from scorer.finish import ScoredRun

_HEADLINE = ("SRAs", "SRAu", "SRAa", "SRA_balanced")
_PLACES = 3  # named in a line
_HEADLINE_SLICE = ("target", "method")
_UNBOUNDED = 10_000

Headline = dict[tuple[str, str, str], dict[str, Estimate]]
"""(target, method, judge) -> metric -> estimate."""


def percent(value: float | None) -> str:
    """A rate as a percentage with one decimal; nothing scored shows as a dash."""
    return "-" if value is None else f"{100 * value:.1f}"


def with_interval(estimate: Estimate) -> str:
    """`58.0 [49.1, 66.3]`."""
    if estimate.value is None:
        return "-"
    return f"{percent(estimate.value)} [{percent(estimate.low)}, {percent(estimate.high)}]"


def above_interval(estimate: Estimate) -> str:
    """`58.0` above `49.1–66.3`."""
    if estimate.value is None:
        return "-"
    return f"{percent(estimate.value)}\n{percent(estimate.low)}–{percent(estimate.high)}"


def print_headline(run: ScoredRun) -> None:
    """SRA per target, method and judge; what could not be scored; where the report lies."""
    console = stdout_console()
    leading = str(run.manifest["estimator"])
    rows = headline(run.estimates, leading)
    if rows:
        how = "" if leading == "plugin" else f", corrected by {run.manifest['n_labels']} labels ({leading})"
        title = f"Safety response accuracy in percent, with 95 % intervals{how}"
        console.print(_table_that_fits(console, rows, title))
    print_also(console, run)
    for line in (*_without_value(rows), *run.manifest["notes"], *run.manifest["label_notes"]):
        console.print(printable(line), markup=False, soft_wrap=True)
    for judge, counts in run.manifest["counts"].items():
        unscored = {status: n for status, n in counts.items() if status != "ok"}
        said = ", ".join(f"{n} {status}" for status, n in sorted(unscored.items())) or "nothing"
        console.print(f"{judge}: {counts.get('ok', 0)} responses scored; could not be scored: {said}.", markup=False)
    effects = [OrderEffect(**e) for e in run.manifest.get("order_effects", ())]
    for sentence in order_words(run.manifest.get("options", {}).get("debias", 1), effects):
        console.print(sentence, markup=False, soft_wrap=True)
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


def _without_value(rows: Headline) -> list[str]:
    """Why there are dashes: every reason once, with where it holds."""
    found: dict[str, list[str]] = {}
    for (target, method, judge), metrics in rows.items():
        for name in _HEADLINE:
            if metrics[name].value is None and (note := metrics[name].note):
                found.setdefault(note, []).append(f"{name} of {target}, {method}, {judge}")
    lines = []
    for reason, places in found.items():
        more = f" and {len(places) - _PLACES} more" if len(places) > _PLACES else ""
        lines.append(f"no value: {reason}: {'; '.join(places[:_PLACES])}{more}.")
    return lines


def _table_that_fits(console: Console, rows: Headline, title: str) -> Table:
    """A line per row where the console is wide enough; else names and intervals below each other, never cut."""
    wide = _wide(rows, title)
    natural = console.measure(wide, options=console.options.update(width=_UNBOUNDED)).maximum
    return wide if natural <= console.width else _narrow(rows, title)


def _wide(rows: Headline, title: str) -> Table:
    table = Table(title=title, title_justify="left")
    for name in ("target", "method", "judge"):
        table.add_column(name, overflow="fold")
    for name in (*_HEADLINE, "n", "unscored"):
        table.add_column(name, justify="right", no_wrap=True)
    for names, metrics in rows.items():
        cells = [with_interval(metrics[name]) for name in _HEADLINE]
        table.add_row(*(Text(printable(name)) for name in names), *cells, *_counts(metrics))
    return table


def _narrow(rows: Headline, title: str) -> Table:
    """80 columns hold it, with names of up to 19 characters."""
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    table.add_column("target\nmethod\njudge", overflow="fold")
    for name in ("SRAs", "SRAu", "SRAa", "SRA_\nbalanced", "n", "un-\nscored"):
        table.add_column(name, justify="right", no_wrap=True)
    for names, metrics in rows.items():
        cells = [above_interval(metrics[name]) for name in _HEADLINE]
        table.add_row(Text("\n".join(map(printable, names))), *cells, *_counts(metrics), end_section=True)
    return table


def _counts(metrics: dict[str, Estimate]) -> tuple[str, str]:
    return str(metrics["SRAa"].n), str(metrics["SRAa"].n_unscored)


def headline(estimates: Sequence[Estimate], estimator: str) -> Headline:
    """(target, method, judge) -> metric -> estimate."""
    rows: Headline = {}
    for e in estimates:
        filled = tuple(d for d in DIMENSIONS if getattr(e, d) is not None)
        if filled == _HEADLINE_SLICE and e.estimator == estimator and e.target is not None and e.method is not None:
            rows.setdefault((e.target, e.method, e.judge), {})[e.metric] = e
    return rows
