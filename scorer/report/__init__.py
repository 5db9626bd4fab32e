"""A run folder in, one self-contained report.html out. This room shows numbers; it computes none.

run_files.py   what stands in the run folder, read once
words.py       percentages, intervals, dates and sentences in plain English
correction.py  what reference labels make of it, every estimator side by side
further.py     shares by further rubrics, and their labels
cascade.py     who decided how much in a cascade, and what certifies it
headline.py    one line per target, method and judge
scatter.py     geometry of the SRAs-against-SRAu figure; labels.py keeps its labels apart
heatmap.py     category by channel, as data for the page
explorer.py    the responses and verdicts, as data for the page
summary.py     head of the page and how the run was made
page.py        templates, escaping, content security policy, writing: shared by every HTML report
"""

from __future__ import annotations

from pathlib import Path

from scorer.report.cascade import cascade
from scorer.report.correction import correction
from scorer.report.explorer import embed_responses
from scorer.report.further import further_tables
from scorer.report.headline import headline, label_counts
from scorer.report.heatmap import heatmap_data
from scorer.report.page import render_page, write_atomically
from scorer.report.run_files import Run, load_run
from scorer.report.scatter import NARROW, WIDE, draw_scatter
from scorer.report.summary import made_how, summarise

EXPLORER_SCRIPTS = ("texts.js", "dom.js", "rows.js", "explorer.js")
"""What `_explorer.html.j2` needs, in this order."""

__all__ = ["EXPLORER_SCRIPTS", "render_report", "write_report"]


def write_report(run_dir: Path) -> Path:
    """Write `report.html` from what stands in `run_dir`; an earlier report stays until the new one is whole."""
    path = run_dir / "report.html"
    write_atomically(path, render_report(load_run(run_dir)))
    return path


def render_report(run: Run) -> str:
    """The whole page as text."""
    summary = summarise(run)
    lines = headline(run)
    heat = heatmap_data(run)
    embedded = embed_responses(run)
    data: dict[str, object] = {"explorer-data": embedded.payload}
    if heat is not None:
        data["heatmap-data"] = heat
    return render_page(
        "report.html.j2",
        {
            "summary": summary,
            "lines": lines,
            "scatters": [draw_scatter(lines, WIDE), draw_scatter(lines, NARROW)],
            "heat": heat,
            "corrected": correction(run),
            "cascade": cascade(run),
            "counts": None if run.scores else label_counts(run),
            "furthers": further_tables(run),
            "embedded": embedded,
            "made": made_how(run),
        },
        styles=("base.css", "figures.css", "explorer.css"),
        scripts=("page.js", *EXPLORER_SCRIPTS, "heatmap.js"),
        data=data,
    )
