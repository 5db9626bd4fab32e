"""The tables of further rubrics for the terminal, from shares that the pipeline computed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich import box
from rich.table import Table
from rich.text import Text

from scorer.cli._terminal import printable
from scorer.records import FurtherShare
from scorer.report.words import class_noun, listed, number, short_title

if TYPE_CHECKING:
    from rich.console import Console

    from scorer.finish import ScoredRun

_ALL = "all targets"


def print_also(console: Console, run: ScoredRun) -> None:
    """One table per further rubric; nothing where there is none."""
    for record in run.manifest.get("also", ()):
        shares = [s for s in run.also if s.also_rubric == record["rubric"]["name"]]
        console.print(_table(record["rubric"], run.manifest["rubric"]["classes"], shares))


def _table(rubric: dict[str, Any], classes: Sequence[dict[str, Any]], shares: Sequence[FurtherShare]) -> Table:
    """A row per target and judge, a column for all responses and one per class; 80 columns hold four classes."""
    flagged = listed([c["title"] for c in rubric["classes"] if c["flagged"]])
    level = f"{100 * shares[0].level:g} %" if shares else "95 %"
    title = Text(printable(f"{short_title(rubric['title'])}: percent {flagged}, with {level} intervals"))
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    table.add_column("target\njudge", overflow="fold")
    for name in ("all responses", *(class_noun(c["title"]) for c in classes)):
        table.add_column(Text(printable(name)), justify="right")
    labels = [None, *(c["id"] for c in classes)]
    by_place = {(s.target, s.judge, s.label): s for s in shares}
    places = dict.fromkeys((s.target, s.judge) for s in shares)
    one = len({target for target, _ in places if target is not None}) == 1
    for target, judge in places:
        if target is None and one:
            continue
        cells = [_cell(by_place[target, judge, label]) for label in labels]
        table.add_row(Text("\n".join(map(printable, (target or _ALL, judge)))), *cells, end_section=True)
    return table


def _cell(share: FurtherShare) -> str:
    """`3.1 of 130` above `1.0–8.2`, and what was not scored below."""
    unscored = [f"{share.n_unscored} unscored"] * (share.n_unscored > 0)
    if share.value is None:
        return "\n".join(["-", *unscored])
    return "\n".join([f"{number(share.value)} of {share.n}", f"{number(share.low)}–{number(share.high)}", *unscored])
