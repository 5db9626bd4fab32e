"""The responses and their verdicts as data for the response explorer.

The payload's shape, which explorer.js reads and another report may fill in its own way:
    facets    [{key, title, values, judged}]    columns to filter by; a row holds a position in `values`; `judged` ones
                                                are labels by a further rubric
    judges    [name]                            whoever gave a verdict
    classes   [{id, title, flagged}]
    statuses  {status: words}                   why something could not be scored
    outcome   {title, right, wrong}             what a verdict's `right` means
    queries   [text]                            each query once
    rows      [[number, item id, facet positions, query position, response, characters cut off, verdicts]]
    verdict   [status, label, p_flagged, flagged, right, class probabilities, evidence, reason, note, who
               decided], one per judge
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from scorer.records import DIMENSIONS
from scorer.report.further import further_labels
from scorer.report.run_files import Run
from scorer.report.words import STATUS_WORDS, count

MAX_RESPONSES = 20_000
MAX_TOTAL_CHARACTERS = 100_000_000
"""Beyond this a browser no longer opens the page in comfort, however few the responses."""
MAX_CHARACTERS = 200_000
"""A longer response is cut in the page; the run folder keeps it whole."""

_FACETS = (*DIMENSIONS, "expects")


@dataclass(frozen=True)
class Embedded:
    """What goes into the page, and a sentence on what does not."""

    payload: dict[str, Any]
    note: str


def embed_responses(
    run: Run, most: int | None = None, total_characters: int | None = None, characters: int | None = None
) -> Embedded:
    """Responses for the page: all of them, or those that deserve a look first where they are too many."""
    characters = MAX_CHARACTERS if characters is None else characters
    chosen = _choose(
        run,
        MAX_RESPONSES if most is None else most,
        MAX_TOTAL_CHARACTERS if total_characters is None else total_characters,
        characters,
    )
    responses = run.responses.with_columns(pl.lit(None, pl.String).alias(c) for c in _missing_columns(run.responses))
    further = {f"also-{i}": found for i, found in enumerate(further_labels(run))}
    responses = responses.with_columns(label.alias(key) for key, (_, label) in further.items())[chosen]
    facets = {key: responses[key].unique(maintain_order=True).to_list() for key in (*_FACETS, *further)}
    positions = {key: {value: i for i, value in enumerate(values)} for key, values in facets.items()}
    queries: dict[str, int] = {}
    verdicts = [verdict_rows(run, judge, chosen) for judge in run.judges]
    rows = []
    for i, row in enumerate(responses.iter_rows(named=True)):
        text = row["response"] or ""
        rows.append(
            [
                int(chosen[i]) + 1,
                row["item_id"],
                [positions[key][row[key]] for key in facets],
                queries.setdefault(row["query"] or "", len(queries)),
                text[:characters],
                max(0, len(text) - characters),
                [of_judge[i] for of_judge in verdicts],
            ]
        )
    payload = {
        "facets": [
            {"key": k, "title": further[k][0] if k in further else k.capitalize(), "values": v, "judged": k in further}
            for k, v in facets.items()
        ],
        "judges": run.judges,
        "classes": [{"id": c["id"], "title": c["title"], "flagged": c["flagged"]} for c in run.classes],
        "statuses": STATUS_WORDS,
        "outcome": {"title": "Expectation", "right": "as expected", "wrong": "not as expected"},
        "queries": list(queries),
        "rows": rows,
    }
    note = ""
    if len(chosen) < len(run.responses):
        note = (
            f"This page holds {count(len(chosen))} of the {count(len(run.responses))} responses, so that it opens "
            "quickly: "
            "first those that could not be scored, then those nearest the decision (p_flagged near 0.5). "
            "All numbers above count every response; verdicts.parquet and responses.parquet hold them all."
        )
    return Embedded(payload, note)


def _missing_columns(frame: pl.DataFrame) -> list[str]:
    return [key for key in _FACETS if key not in frame.columns]


def _choose(run: Run, most: int, total_characters: int, characters: int) -> pl.Series:
    """Row numbers in input order: all, or the most telling ones within the limits."""
    lengths = run.responses["response"].fill_null("").str.len_chars().clip(upper_bound=characters).cast(pl.Int64)
    everything = pl.int_range(len(run.responses), eager=True)
    if len(run.responses) <= most and lengths.sum() <= total_characters:
        return everything
    distance = pl.select(
        pl.min_horizontal(
            [
                run.verdicts_of(judge).select(
                    pl.when(pl.col("status") != "ok")
                    .then(-1.0)
                    .otherwise((pl.col("p_flagged").cast(pl.Float64) - 0.5).abs().fill_null(1.0))
                    .alias(judge)
                )[judge]
                for judge in run.judges
            ]
        ).alias("distance")
    )["distance"]
    ranked = pl.DataFrame({"row": everything, "distance": distance, "length": lengths}).sort(
        "distance", maintain_order=True
    )
    within = ranked.filter(pl.col("length").cum_sum() <= total_characters).head(most)
    return within["row"].sort()


def verdict_rows(run: Run, judge: str, chosen: pl.Series) -> list[list[Any]]:
    """A judge's verdicts on the chosen responses in the payload's form."""
    frame = run.verdicts_of(judge)[chosen]
    if "expects" not in frame.columns:
        frame = frame.with_columns(pl.lit(None, pl.String).alias("expects"))
    probabilities = [f"p_{c['id']}" for c in run.classes]
    expecting = run.manifest["rubric"].get("sra", True)
    result = []
    for row in frame.iter_rows(named=True):
        right = None
        if expecting and row["status"] == "ok" and row["expects"] is not None and row["flagged"] is not None:
            right = int(row["flagged"] == (row["expects"] == "refusal"))
        classes = [_short(row.get(p)) for p in probabilities]
        result.append(
            [
                row["status"],
                row["label"],
                _short(row["p_flagged"]),
                row["flagged"] if row["status"] == "ok" else None,
                right,
                None if None in classes else classes,
                row.get("evidence"),
                row.get("reason"),
                row.get("note"),
                row.get("decided_by"),
            ]
        )
    return result


def _short(value: float | None) -> float | None:
    """Four decimals are more than anybody reads and a third of the bytes."""
    return None if value is None else round(float(value), 4)
