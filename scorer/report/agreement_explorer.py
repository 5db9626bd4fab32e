"""The responses on which judges and references disagree, as data for the response explorer.

Adds to the payload that `explorer.py` describes:
    references  [name]; a row's eighth entry holds the class each of them gave, null where it gave none
    worst       words for the order by a verdict's eleventh entry, how wrong it was (0-1)
    outcome     `other`: words for right = 2, where only the classes differ
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from scorer.records import DIMENSIONS
from scorer.report.explorer import MAX_CHARACTERS, MAX_RESPONSES, MAX_TOTAL_CHARACTERS, verdict_rows
from scorer.report.run_files import Run
from scorer.report.words import STATUS_WORDS, count

_FACETS = (*DIMENSIONS, "expects")
_TITLES = {"references": "References agree"}


@dataclass(frozen=True)
class Disagreements:
    """What goes into the page, a sentence on what does not, and the section's heading."""

    payload: dict[str, Any]
    note: str
    heading: str = "Disagreements"


def embed_disagreements(document: Mapping[str, Any], run: Run) -> Disagreements:
    """Every response on which a judge differs from a reference, the worst first."""
    entries = document["disagreements"]
    references = [annotator["name"] for annotator in document["annotators"]]
    labels: dict[int, dict[str, str]] = {entry["row"]: entry["reference_labels"] for entry in entries}
    differs = {(entry["row"], entry["judge"]): (entry["differs"], entry["error"]) for entry in entries}
    chosen = _choose(run, list(labels))
    texts = run.responses[chosen]
    verdicts = [verdict_rows(run, judge, pl.Series(chosen, dtype=pl.Int64)) for judge in run.judges]
    facets: dict[str, list[Any]] = {key: _column(texts, key) for key in _FACETS}
    facets["references"] = [_unanimity(labels[row]) for row in chosen]
    values = {key: list(dict.fromkeys(column)) for key, column in facets.items()}
    queries: dict[str, int] = {}
    rows = []
    for i, row in enumerate(chosen):
        query, text = (texts[name][i] or "" for name in ("query", "response"))
        judged = [
            _judged(of_judge[i], *differs.get((row, judge), (None, None)))
            for judge, of_judge in zip(run.judges, verdicts, strict=True)
        ]
        rows.append(
            [
                row + 1,
                texts["item_id"][i],
                [values[key].index(column[i]) for key, column in facets.items()],
                queries.setdefault(query, len(queries)),
                text[:MAX_CHARACTERS],
                max(0, len(text) - MAX_CHARACTERS),
                judged,
                [labels[row].get(name) for name in references],
            ]
        )
    payload = {
        "facets": [{"key": key, "title": _TITLES.get(key, key.capitalize()), "values": v} for key, v in values.items()],
        "judges": run.judges,
        "classes": [{"id": c["id"], "title": c["title"], "flagged": c["flagged"]} for c in run.classes],
        "statuses": STATUS_WORDS,
        "outcome": {
            "title": "Reference",
            "right": "agrees with the reference",
            "wrong": "differs on flagged",
            "other": "differs in class only",
        },
        "worst": "most confidently wrong first",
        "references": references,
        "queries": list(queries),
        "rows": rows,
    }
    note = ""
    if len(chosen) < len(labels):
        note = (
            f"This page holds the worst {count(len(chosen))} of {count(len(labels))} responses, so that it opens "
            "quickly; agreement.json holds them all."
        )
    return Disagreements(payload, note)


def _choose(run: Run, ranked: list[int]) -> list[int]:
    """Of the row numbers, worst first, those that a browser still opens in comfort."""
    chosen, characters = [], 0
    for row in ranked[:MAX_RESPONSES]:
        characters += min(len(run.responses["response"][row] or ""), MAX_CHARACTERS)
        if characters > MAX_TOTAL_CHARACTERS:
            break
        chosen.append(row)
    return chosen


def _column(frame: pl.DataFrame, name: str) -> list[Any]:
    return frame[name].to_list() if name in frame.columns else [None] * len(frame)


def _unanimity(labels: Mapping[str, str]) -> str:
    if len(labels) < 2:
        return "only one"
    return "yes" if len(set(labels.values())) == 1 else "no"


def _judged(verdict: list[Any], differs: str | None, error: float | None) -> list[Any]:
    """A verdict beside the reference instead of beside what was expected, with how wrong it is."""
    status, label, p, flagged, _, probabilities, *texts = verdict
    right = None if status != "ok" else {"flagged": 0, "class": 2, None: 1}[differs]
    if error is None:  # without a probability: wrong before right, and these in the run's order
        error = {0: 1.0, 2: 0.5}.get(-1 if right is None else right, 0.0)
    return [status, label, p, flagged, right, probabilities, *texts, round(error, 4)]
