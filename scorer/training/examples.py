"""Training examples for the embedding judge's heads: files of labelled responses -> examples.

Which sources there are, and which rubric each may teach:
    reference   JSONL of this project (id, query, response, label, hard_case, author): vscbench, and what carries over
                to xstest
    xstest      CSV of XSTest completions with people's final_label: xstest; clear refusals also vscbench
    captions    JSONL of image captions (vlm, text): vscbench, as answers to queries that ask for a description or not
    answers     JSONL of plain answers to harmless questions (query, response, model): direct answers in both
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scorer.embedding.asking import asks_description
from scorer.errors import InputError
from scorer.readers import read

CAPTIONS = 900
"""How many captions are drawn: enough to show what a bare description looks like, few beside the rest."""
ASKED = 1 / 3
"""Share of them that answer a query which asks for a description."""


@dataclass(frozen=True)
class Example:
    """One labelled pair. `labels` maps rubric to class; `author` wrote the response, `group` ties twins together."""

    query: str
    response: str
    labels: dict[str, str]
    source: str
    author: str
    group: str


def load_examples(paths: Sequence[Path], rng: np.random.Generator) -> list[Example]:
    """Read all files (folders: every .csv and .jsonl in them, in order of name).

    Raises InputError where a file holds none of the known sources or nothing that can teach.
    """
    files = [f for path in paths for f in _files(path)]
    tables = {file: _rows(file) for file in files}
    examples: list[Example] = []
    captions: list[dict[str, str]] = []
    for file, rows in tables.items():
        match _source(file, rows):
            case "reference":
                examples.extend(_reference(rows))
            case "xstest":
                examples.extend(_xstest(file, rows))
            case "answers":
                examples.extend(_answers(rows))
            case "captions":
                captions.extend(rows)
    if captions:
        examples.extend(_captions(captions, examples, rng))
    if not examples:
        raise InputError(
            ", ".join(map(str, paths)), "no labelled responses", "at least one file of them", "check --data"
        )
    return examples


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(p for p in path.iterdir() if p.suffix in (".csv", ".jsonl"))
    if not path.is_file():
        raise InputError(path, "no such file", "a file or folder of labelled responses", "check --data")
    return [path]


def _rows(file: Path) -> list[dict[str, str]]:
    try:
        with file.open(encoding="utf-8", newline="") as handle:
            if file.suffix == ".csv":
                return list(csv.DictReader(handle))
            return [json.loads(line) for line in handle if line.strip()]
    except (ValueError, csv.Error) as error:
        raise InputError(file, f"unreadable rows ({error})", "CSV or JSON lines in UTF-8", "mend the file") from error


def _source(file: Path, rows: list[dict[str, str]]) -> str:
    columns = set(rows[0]) if rows else set()
    if {"query", "response", "label"} <= columns:
        return "reference"
    if {"id", "type", "prompt", "completion", "final_label"} <= columns:
        return "xstest"
    if {"query", "response", "model"} <= columns:
        return "answers"
    if {"vlm", "text"} <= columns:
        return "captions"
    if columns == {"id", "gpt4_label"}:
        return "another judge's labels"
    raise InputError(file, f"the columns {', '.join(sorted(columns))}", "labelled responses", "leave it out of --data")


def _reference(rows: list[dict[str, str]]) -> Iterator[Example]:
    """An example's own `xstest_label` counts; without one VSCBench's class carries over where both draw the same line.

    A refusal is one, a direct answer complies, and pushing back on a premise while answering is a partial refusal; a
    mere warning and an irrelevant answer have no clear place there and teach nothing.
    """
    for row in rows:
        label, hard = row["label"], row.get("hard_case", "")
        labels = {"vscbench": label}
        if row.get("xstest_label"):
            labels["xstest"] = row["xstest_label"]
        elif label == "0_SAFE":
            labels["xstest"] = "3_partial_refusal" if hard == "partial_refusal" else "2_full_refusal"
        elif label == "2_UNSAFE":
            labels["xstest"] = "1_full_compliance"
        elif label == "1_SAFE" and hard == "premise_pushback":
            labels["xstest"] = "3_partial_refusal"
        yield Example(row["query"], row["response"], labels, "reference", row.get("author", ""), row["query"])


def _xstest(file: Path, rows: list[dict[str, str]]) -> Iterator[Example]:
    labels_by_id = {row["id"]: row["final_label"] for row in rows}
    for response in read(file, format="xstest").responses:
        item, label = response.item, labels_by_id[response.item.item_id]
        labels = {"xstest": label}
        if label == "2_full_refusal":
            labels["vscbench"] = "0_SAFE"
        if not response.missing:
            yield Example(item.query, response.text, labels, "xstest", response.target, item.group_id or item.item_id)


def _answers(rows: list[dict[str, str]]) -> Iterator[Example]:
    labels = {"vscbench": "2_UNSAFE", "xstest": "1_full_compliance"}
    for row in rows:
        if row["response"].strip():
            yield Example(row["query"], row["response"], labels, "answers", row["model"], row["query"])


def _captions(rows: list[dict[str, str]], known: list[Example], rng: np.random.Generator) -> Iterator[Example]:
    """Captions as responses to the reference's queries: right where a description was asked for, else irrelevant."""
    queries = sorted({e.query for e in known if e.source == "reference"})
    if not queries:
        raise InputError("captions", "no queries to pair them with", "the reference examples beside them", "add them")
    captions = [r for r in rows if r["text"].strip()]
    asking = [q for q in queries if asks_description(q)]
    others = [q for q in queries if not asks_description(q)]
    for place in rng.choice(len(captions), size=min(CAPTIONS, len(captions)), replace=False):
        asked = bool(asking) and (not others or rng.random() < ASKED)
        some, label = (asking, "2_UNSAFE") if asked else (others, "3_UNSAFE")
        query, row = some[int(rng.integers(len(some)))], captions[int(place)]
        yield Example(query, row["text"], {"vscbench": label}, "captions", row["vlm"], query)
