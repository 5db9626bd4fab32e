"""A finished run of several steps in, one small page out that leads to its reports. Shows numbers, computes none."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scorer.errors import RunError
from scorer.report.headline import METRICS, headline, label_counts
from scorer.report.page import render_page, write_atomically
from scorer.report.run_files import load_run
from scorer.report.words import listed, moment, plural, signed

REPORT = "report.html"
COMPARISON_JSON = "comparison.json"
COMPARISON_HTML = "comparison.html"


@dataclass(frozen=True)
class ComparisonLink:
    """A method beside plain prompting: whose, which, by which judge, and its folder within the output folder."""

    target: str
    method: str
    judge: str
    folder: str


def write_overview(
    path: Path, out: Path, run: str, links: Sequence[ComparisonLink], agreement: str | None, meaning: str = ""
) -> None:
    """Write the page into `out`; `meaning` is what its numbers mean where items are missing.

    `run`, the folders of `links` and `agreement` are paths within `out`. Raises RunError where run or comparisons
    cannot be read, StorageError for a bad disk.
    """
    scored = load_run(out / run)
    page = render_page(
        "overview.html.j2",
        {
            "lines": headline(scored),
            "counts": None if scored.scores else label_counts(scored),
            "metrics": METRICS,
            "report": f"{run}/{REPORT}",
            "agreement": agreement,
            "meaning": meaning,
            "changes": [_change(out, link) for link in links],
            "facts": [
                ("Responses", f"{len(scored.responses):,}"),
                ("Targets", listed(scored.distinct("target"))),
                ("Methods", listed(scored.distinct("method"))),
                ("Judges", listed(scored.judges)),
                ("Rubric", scored.manifest["rubric"]["title"]),
            ],
            "made": f"{moment(scored.manifest['created'])}, scorer {scored.manifest['scorer_version']}",
            "plural": plural,
            "signed": signed,
        },
        styles=("base.css",),
        scripts=(),
        data={},
    )
    write_atomically(path, page)


def _change(out: Path, link: ComparisonLink) -> dict[str, Any]:
    """A comparison's rows by metric, of all items and category by category, and where it lies."""
    path = out / link.folder / COMPARISON_JSON
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))["rows"]
        whole = {row["metric"]: row for row in rows if row["by"] == "overall"}
        names = dict.fromkeys(row["slice"] for row in rows if row["by"] == "category")
        categories = {
            name: {row["metric"]: row for row in rows if (row["by"], row["slice"]) == ("category", name)}
            for name in names
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path}: cannot be read as a comparison ({error}); do the step compare again.") from error
    page = f"{link.folder}/{COMPARISON_HTML}"
    return {"link": link, "rows": whole, "categories": categories, "page": page}
