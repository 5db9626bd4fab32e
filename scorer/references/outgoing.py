"""Labels out to be made: a run's responses -> a sample -> a file to carry out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from scorer.errors import RunError, StorageError
from scorer.references.formats import openai_batch, people_sheet
from scorer.references.sampling import SLICE, sample
from scorer.rubrics import Rubric, rubric_from_record
from scorer.run_folder import RESPONSES, VERDICTS, load_run, storage_errors, write_whole

FORMS = {"openai-batch": ".jsonl", "people": ".xlsx"}
"""What a sample can be written as, and the ending of such a file."""

_KEYS = ["item_id", "target", "method"]


@dataclass(frozen=True)
class Draw:
    """A sample of a run: `picks` with texts and probabilities, and how many there were to choose from per slice."""

    rubric: Rubric
    judge: str
    picks: pl.DataFrame
    slices: pl.DataFrame


def draw(run: Path, n: int, strategy: str, *, judge: str | None, rng: np.random.Generator) -> Draw:
    """Pick `n` responses of a run that `judge` (the run's first where None) could score.

    Raises RunError where there is no complete run, no such judge, or nothing to pick.
    """
    manifest = load_run(run)
    judges = [str(j["name"]) for j in manifest["judges"]]
    if judge is not None and judge not in judges:
        raise RunError(f"{run}: got the judge {judge!r}; expected one of {', '.join(judges)}; choose one with --judge.")
    judge = judge or judges[0]
    verdicts, texts = _tables(run, judge)
    picks = sample(verdicts, n, strategy, rng)
    with_texts = picks.join(texts, on=_KEYS, how="left", validate="m:1", maintain_order="left")
    there = verdicts.filter(pl.col("status") == "ok").group_by(SLICE, maintain_order=True).len("responses")
    chance = pl.col("probability")
    picked = picks.group_by(SLICE).agg(pl.len().alias("picked"), low=chance.min(), high=chance.max())
    slices = there.join(picked, on=SLICE, how="left", nulls_equal=True, maintain_order="left")
    return Draw(_rubric(manifest, run), judge, with_texts, slices.with_columns(pl.col("picked").fill_null(0)))


def write_draw(
    out: Path,
    form: str,
    drawn: Draw,
    *,
    rng: np.random.Generator,
    model: str = openai_batch.LABELLER,
    annotators: Sequence[str] = ("annotator_1",),
    force: bool = False,
) -> None:
    """Write the sample in the form `openai-batch` or `people`, whole or not at all.

    Raises StorageError where `out` is there already (unless `force`), has another ending or cannot be written.
    """
    check_out(out, form, force=force)
    with storage_errors(out):
        out.parent.mkdir(parents=True, exist_ok=True)
    if form == "people":
        # people tire: in random order that falls on no slice more than on another
        shuffled = drawn.picks.select(pl.all().gather(rng.permutation(len(drawn.picks)).tolist()))
        write_whole(out, lambda p: people_sheet.write(p, shuffled, drawn.rubric, annotators=annotators))
    else:
        write_whole(out, lambda p: openai_batch.write(p, drawn.picks, drawn.rubric, model=model))


def check_out(out: Path, form: str, *, force: bool) -> None:
    """Raise StorageError where `out` is there already (unless `force`) or has not the ending of its form."""
    if out.suffix.lower() != FORMS[form]:
        raise StorageError(f"{out}: got the ending {out.suffix!r}; expected {FORMS[form]} for {form}; rename --out.")
    if out.is_dir():
        raise StorageError(f"{out}: got a folder; expected the name of a file; choose another --out.")
    if out.exists() and not force:
        raise StorageError(f"{out}: is there already; choose another --out, or --force to replace it.")


def _tables(run: Path, judge: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """One judge's verdicts, and the texts of the run's responses."""
    try:
        verdicts = pl.scan_parquet(run / VERDICTS).filter(pl.col("judge") == judge).collect()
        texts = pl.scan_parquet(run / RESPONSES).select(*_KEYS, "query", "response").collect()
    except (OSError, pl.exceptions.PolarsError) as error:
        text = str(error).partition("\n")[0]
        raise RunError(f"{run}: the run's tables cannot be read ({text}); score it again with --force.") from error
    return verdicts, texts


def _rubric(manifest: dict[str, Any], run: Path) -> Rubric:
    """The rubric as it was when the run was made: a user's own file may have changed since, or be elsewhere."""
    try:
        return rubric_from_record(manifest["rubric"])
    except (KeyError, TypeError) as error:
        raise RunError(f"{run}: the run's manifest holds no whole rubric; score it again with --force.") from error
