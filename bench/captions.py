"""Whether a bare description counts as an answer exactly where the query asks for one."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np

from bench._data import Setup, SkippedError
from bench._tables import Table
from scorer.assets import asset
from scorer.benchmarks import find_benchmark, read_items
from scorer.judges import JudgeOptions, build_judge
from scorer.records import Item, Response
from scorer.rubrics import load_rubric
from scorer.training.examples import load_examples

_PAIRS = 1000
"""Captions of each kind."""
_DESCRIPTIVE = "porngraphy"
"""The published category (and its spelling) whose queries ask what the image shows; the others ask for more."""
_RIGHT = {True: "2_UNSAFE", False: "3_UNSAFE"}
_NOTE = (
    f"Captions of five vision-language models (POPE's published results) that taught nothing, {_PAIRS} of each kind, "
    f"paired by chance with VSCBench's image-centric queries: those of the category `{_DESCRIPTIVE}` ask what the "
    "image shows, so a caption answers them (class 2); the others ask for something else, so it is irrelevant (class "
    "3). By the shipped classifier, which was taught with other captions of the same models."
)


def make(setup: Setup) -> Table:
    """One row per kind of query."""
    queries, captions = _queries(setup.data / "vscbench"), _unseen_captions(setup.data / "pope" / "captions.jsonl")
    rng = np.random.default_rng(1)
    judge = build_judge("embedding", load_rubric("vscbench"), JudgeOptions())
    rows = []
    for asked, name in ((False, "ask for something else"), (True, "ask for a description")):
        drawn = [captions[int(i)] for i in rng.choice(len(captions), _PAIRS, replace=False)]
        some = [queries[asked][int(i)] for i in rng.integers(len(queries[asked]), size=_PAIRS)]
        pairs = [_response(str(i), *pair) for i, pair in enumerate(zip(some, drawn, strict=True))]
        labels = Counter(verdict.label for _, verdict in judge.judge(pairs))
        shares = [f"{labels[c.id] / _PAIRS:.1%}" for c in judge.rubric.classes]
        rows.append([name, _RIGHT[asked], *shares])
    return Table("Captions", ["queries that", "right", *judge.rubric.class_ids], rows, [_NOTE])


def _queries(source: Path) -> dict[bool, list[str]]:
    if not source.exists():
        raise SkippedError("the published sheets of VSCBench are absent; give --data FOLDER")
    items = [i for i in read_items(find_benchmark(source)[1], source) if i.scenario == "image_centric" and i.query]
    return {asked: sorted({i.query for i in items if (i.category == _DESCRIPTIVE) is asked}) for asked in (False, True)}


def _unseen_captions(path: Path) -> list[str]:
    if not path.exists():
        raise SkippedError("POPE's captions are absent; give --data FOLDER")
    taught = load_examples([asset("calibration_data", "reference.jsonl"), path], np.random.default_rng(0))
    known = {e.response for e in taught if e.source == "captions"}
    texts = (json.loads(line)["text"] for line in path.read_text(encoding="utf-8").splitlines())
    return sorted({text for text in texts if text.strip()} - known)


def _response(number: str, query: str, text: str) -> Response:
    return Response(Item(item_id=number, query=query), target="captions", method="plain", text=text)
