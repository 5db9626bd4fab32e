"""The held-out predictions beside a trained classifier: what its card and the fidelity tables are counted from.

One row per rubric and example: `author`, `key` (a hash of query and response, no text), `flagged` as labelled, and a
probability per class in the rubric's order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from scorer.assets import text_sha256
from scorer.errors import InputError
from scorer.rubrics import Rubric
from scorer.run_folder import storage_errors
from scorer.training.examples import Example
from scorer.training.folds import HeldOut

HELD_OUT = "held_out.parquet"


def write_predictions(
    path: Path, predicted: Mapping[str, HeldOut], examples: Sequence[Example], rubrics: Mapping[str, Rubric]
) -> None:
    """Write what folds predicted of examples that they had not seen."""
    rows = [
        (name, e.author, text_sha256(e.query, e.response), e.labels[name] in rubrics[name].flagged_ids, p)
        for name, held in predicted.items()
        for e, p in zip((examples[i] for i in held.rows), held.probabilities.tolist(), strict=True)
    ]
    columns = {"rubric": pl.String, "author": pl.String, "key": pl.String, "flagged": pl.Boolean}
    with storage_errors(path):
        pl.DataFrame(rows, schema=columns | {"p": pl.List(pl.Float32)}, orient="row").write_parquet(path)


def read_predictions(path: Path, rubric: Rubric) -> dict[tuple[str, str], tuple[float, ...]]:
    """(author, key) -> class probabilities. Raises InputError where the file cannot be read."""
    try:
        frame = pl.read_parquet(path).filter(pl.col("rubric") == rubric.name)
        return {(author, key): tuple(p) for author, key, p in frame.select("author", "key", "p").iter_rows()}
    except (OSError, pl.exceptions.PolarsError) as error:
        raise InputError(
            path, f"no held-out predictions ({error})", "the file that training writes", "train"
        ) from error
