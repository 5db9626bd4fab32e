"""What further rubrics make of the responses: a table per rubric, and its label of every response for the explorer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from scorer.records import FurtherShare
from scorer.report.run_files import Run
from scorer.report.words import class_noun, listed, short_title

NOT_SCORED = "not scored"


@dataclass(frozen=True)
class Further:
    """One further rubric's shares: a row per target and judge, a column for all responses and one per class."""

    name: str
    heading: str
    flagged: str
    """What the share counts, in words: the flagged classes."""
    judged_by: str
    level: str
    columns: tuple[str, ...]
    rows: tuple[tuple[tuple[str, ...], tuple[FurtherShare | None, ...]], ...]
    """Each row: target (and judge where there are several), and a share per column."""


def further_tables(run: Run) -> list[Further]:
    """The tables of all further rubrics of the run."""
    return [_table(run, record) for record in run.manifest.get("also", ())]


def _table(run: Run, record: dict[str, Any]) -> Further:
    rubric = record["rubric"]
    shares = {(s.judge, s.target, s.label): s for s in run.also if s.also_rubric == rubric["name"]}
    targets = run.distinct("target")
    labels = [None, *(c["id"] for c in run.classes)]
    nouns = [class_noun(c["title"]) for c in run.classes]
    rows = []
    for target in [None, *targets] if len(targets) > 1 else targets:
        for judge in run.judges:
            who = (target or "All targets", *[judge] * (len(run.judges) > 1))
            rows.append((who, tuple(shares.get((judge, target, label)) for label in labels)))
    return Further(
        name=rubric["name"],
        heading=f"{short_title(rubric['title'])} among {listed(nouns)}",
        flagged=listed([c["title"] for c in rubric["classes"] if c["flagged"]]),
        judged_by=record["name"],
        level=listed(sorted({f"{100 * s.level:g} %" for s in shares.values()})),
        columns=("all responses", *nouns),
        rows=tuple(rows),
    )


def further_labels(run: Run) -> list[tuple[str, pl.Series]]:
    """(title, class titles in the responses' order, `NOT_SCORED` where there is none) per further rubric."""
    found = []
    for record in run.manifest.get("also", ()):
        rubric = record["rubric"]
        titles = {c["id"]: c["title"] for c in rubric["classes"]}
        labels = run.verdicts_of(run.judges[0])[f"{rubric['name']}_label"]
        words = labels.replace_strict(titles, default=NOT_SCORED, return_dtype=pl.String)
        found.append((short_title(rubric["title"]), words))
    return found
