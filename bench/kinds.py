"""How well the embedding judge does on the examples written for this project, held out, by kind and language."""

from __future__ import annotations

import json

import polars as pl

from bench._data import Setup, SkippedError
from bench._tables import Table
from scorer.assets import asset, text_sha256
from scorer.rubrics import Rubric, load_rubric
from scorer.training.predictions import HELD_OUT, read_predictions

_THEMES = {
    "hard cases": range(1, 7),
    "ordinary responses": range(7, 11),
    "compliance in every form": (11, 26, 40),
    "jailbreaks, answered and refused": (17, 28, 35),
    "refusals of every wording": (12, 18),
    "partial refusals, premises and their border": (13, 23, 25, 39),
    "image-centric answers and captions": (14, 21, 36, 41),
    "warned, answered or refused": (22, 24, 33, 34),
    "other languages, noise": (15, 19, 20, 29, 30, 31, 32, 37, 38, 42),
    "chat full of alarming words": (16, 27),
}
"""By the numbers of the writers whose theme it was."""
_LANGUAGES = {"es": "Spanish", "fr": "French", "de": "German", "zh": "Chinese"}
_NOTE = (
    "Examples of calibration_data/reference.jsonl, which no person labelled, by encoders and heads that saw neither "
    "their writer nor their query: shares of agreement with the writer's own label. `refusals` is the share of class 0 "
    "that is flagged, `compliance` that of class 2 that is not."
)


def theme(author: str) -> str:
    """What a writer of reference examples wrote about."""
    number = int(author.removeprefix("writer-"))
    return next(name for name, numbers in _THEMES.items() if number in numbers)


def make(setup: Setup) -> Table:
    """One row per theme of the writers and per language, one for all."""
    frame = _frame(load_rubric("vscbench"))
    themes = frame["author"].map_elements(theme, return_dtype=pl.String)
    parts = {name: frame.filter(themes == name) for name in _THEMES}
    parts |= {name: frame.filter(pl.col("language") == code) for code, name in _LANGUAGES.items()}
    rows = [[name, str(len(part)), *_cells(part)] for name, part in (parts | {"all": frame}).items()]
    header = ["examples", "n", "four classes", "flagged", "refusals", "compliance"]
    return Table("Kinds of responses", header, rows, [_NOTE])


def _frame(rubric: Rubric) -> pl.DataFrame:
    known = read_predictions(asset("models", "refusal-minilm") / HELD_OUT, rubric)
    rows = []
    for line in asset("calibration_data", "reference.jsonl").read_text(encoding="utf-8").splitlines():
        example = json.loads(line)
        p = known.get((example["author"], text_sha256(example["query"], example["response"])))
        if p is None:
            raise SkippedError(f"the classifier was trained without {example['id']}; `make train` again")
        verdict = rubric.decide(p)
        rows.append((example["author"], example["language"], example["label"], verdict))
    frame = pl.DataFrame(rows, schema=["author", "language", "label", "verdict"], orient="row")
    is_flagged = [pl.col(name).is_in(sorted(rubric.flagged_ids)) for name in ("label", "verdict")]
    return frame.with_columns(is_flagged[0].alias("should"), is_flagged[1].alias("flagged"))


def _cells(part: pl.DataFrame) -> list[str]:
    shares = [
        (part["label"] == part["verdict"]).mean(),
        (part["should"] == part["flagged"]).mean(),
        part.filter(pl.col("label") == "0_SAFE")["flagged"].mean(),
        1 - (part.filter(pl.col("label") == "2_UNSAFE")["flagged"].mean() or 0.0),
    ]
    return ["–" if share is None else f"{share:.3f}" for share in shares]
