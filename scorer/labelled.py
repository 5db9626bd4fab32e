"""Verdicts beside reference labels: which label belongs to which response, and whose labels count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from scorer.errors import InputError
from scorer.references import load_references
from scorer.rubrics import Rubric, rubric_from_record
from scorer.run_folder import VERDICTS, load_run

_KEYS = ("item_id", "target", "method")
FINAL = "final"
"""The annotator that stands for what several agreed on, as XSTest names it."""


@dataclass(frozen=True)
class LabelledRun:
    """A complete run and one annotator's labels under its rubric."""

    manifest: dict[str, Any]
    rubric: Rubric
    verdicts: pl.DataFrame
    labels: pl.DataFrame

    def judged_by(self, judge: str) -> pl.DataFrame:
        """A judge's verdicts with the columns `truth` and `probability` (see `attach`)."""
        mine = self.verdicts.filter(pl.col("judge") == judge)
        return pl.concat([mine, attach(mine, self.labels)], how="horizontal")

    def fingerprint(self, judge: str) -> str | None:
        """The judge's fingerprint, None where it did not judge this run."""
        return next((str(j["fingerprint"]) for j in self.manifest["judges"] if j["name"] == judge), None)


def load_labelled_run(run: Path, references: Sequence[Path], annotator: str | None) -> LabelledRun:
    """Read both. Raises a ScorerError where the run is not complete or the labels are not of its rubric."""
    manifest = load_run(run)
    rubric = rubric_from_record(manifest["rubric"])
    labels = choose_annotator(load_references(references), annotator)
    refuse_other_rubric(labels, rubric.name, rubric.class_ids)
    return LabelledRun(manifest, rubric, pl.read_parquet(run / VERDICTS), labels)


def choose_annotator(references: pl.DataFrame, annotator: str | None) -> pl.DataFrame:
    """The labels of one annotator: the one asked for, the only one, or `final`.

    Raises InputError where it is not there or where it is not clear whose labels to take.
    """
    names = references["annotator"].unique().sort().to_list()
    if annotator is None:
        annotator = names[0] if len(names) == 1 else FINAL
    if annotator not in names:
        raise InputError(
            "reference",
            f"the annotators {', '.join(names)}",
            f"{annotator!r} among them" if annotator != FINAL else "one annotator, or one named 'final'",
            "choose one with --annotator",
        )
    return references.filter(pl.col("annotator") == annotator)


def match(responses: pl.DataFrame, references: pl.DataFrame) -> pl.DataFrame:
    """Every (response, reference) pair that belongs together: columns `row`, `reference`, and the reference's own.

    `row` and `reference` count from 0 in the two frames. A reference without target or method belongs to every
    target or method that answered the item; where a response has a more specific one from the same annotator, the
    less specific is left out.
    """
    rows = responses.select(_KEYS).with_row_index("row")
    labels = references.with_row_index("reference")
    found = []
    for specific in ((True, True), (True, False), (False, True), (False, False)):
        keys = ["item_id", *(name for name, known in zip(("target", "method"), specific, strict=True) if known)]
        some = labels.filter(
            pl.col("target").is_not_null() == specific[0], pl.col("method").is_not_null() == specific[1]
        )
        joined = rows.select("row", *keys).join(some.drop(set(_KEYS) - set(keys)), on=keys, how="inner")
        found.append(joined.drop(keys).with_columns(specificity=pl.lit(sum(specific))))
    pairs = pl.concat(found, how="diagonal")
    best = pl.col("specificity") == pl.col("specificity").max().over("row", "annotator")
    return pairs.filter(best).drop("specificity").sort("row", "reference")


def attach(responses: pl.DataFrame, references: pl.DataFrame) -> pl.DataFrame:
    """One label per response: columns `truth` and `probability`, null where there is none, in the responses' order.

    `references` are one annotator's. Where it labelled a response several times the first label that parsed counts.
    """
    pairs = match(responses, references).filter(pl.col("status") == "ok")
    first = pairs.unique("row", keep="first", maintain_order=True)
    labels = first.select("row", truth="label", probability="probability")
    rows = pl.DataFrame({"row": range(len(responses))}, schema={"row": labels.schema["row"]})
    return rows.join(labels, on="row", how="left", maintain_order="left").drop("row")


def refuse_other_rubric(references: pl.DataFrame, rubric_name: str, class_ids: Sequence[str]) -> None:
    """Raise InputError where the labels were made under another rubric, or hold a class that it does not know."""
    other = sorted(set(references["rubric"].unique()) - {rubric_name})
    if other:
        raise InputError(
            "reference", f"labels under the rubric {', '.join(other)}", rubric_name, "import them for this run's rubric"
        )
    unknown = sorted(set(references["label"].drop_nulls().unique()) - set(class_ids))
    if unknown:
        raise InputError(
            "reference", f"the classes {', '.join(unknown)}", f"{', '.join(class_ids)}", "import them with this rubric"
        )
