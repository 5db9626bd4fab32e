"""References: labels from GPT-4o or people for some of the responses: sampled, carried out, and read back in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from pathlib import Path

import polars as pl

from scorer.errors import InputError
from scorer.records import Reference
from scorer.run_folder import storage_errors, write_whole

__all__ = ["REFERENCE_SCHEMA", "load_references", "reference_frame", "save_references"]

REFERENCE_SCHEMA = pl.Schema(
    {f.name: pl.Float64() if f.name == "probability" else pl.String() for f in fields(Reference)}
)
"""Columns of a reference file: the fields of `records.Reference`."""

_ALWAYS_THERE = ("item_id", "annotator", "rubric", "status", "source")


def reference_frame(references: Iterable[Reference]) -> pl.DataFrame:
    """The records as a table, in order."""
    return pl.DataFrame([asdict(r) for r in references], schema=REFERENCE_SCHEMA)


def save_references(path: Path, references: pl.DataFrame) -> None:
    """Write a reference file whole or not at all. Raises StorageError where it cannot be written."""
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, references.select(REFERENCE_SCHEMA.names()).write_parquet)


def load_references(paths: Sequence[Path]) -> pl.DataFrame:
    """Read reference files, one after the other, into one table.

    Raises InputError where a file is missing, was not written by `scorer reference import` or contradicts itself.
    """
    return pl.concat([_load(path) for path in dict.fromkeys(paths)] or [pl.DataFrame(schema=REFERENCE_SCHEMA)])


def _load(path: Path) -> pl.DataFrame:
    expected, fix = "a file written by `scorer reference import`", "import the labels first and give what it wrote"
    if not path.is_file():
        raise InputError(path, "a folder" if path.is_dir() else "no such file", expected, "check the path")
    try:
        with path.open("rb") as file:
            frame = pl.read_parquet(file)
    except OSError as error:
        raise InputError(path, error.strerror or "no readable file", expected, "check its rights") from error
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise InputError(path, "no reference file", expected, fix) from error
    if frame.schema != REFERENCE_SCHEMA:
        columns = ", ".join(frame.columns[:12])
        raise InputError(path, f"a Parquet file with the columns {columns}", expected, fix)
    if frame.is_empty():
        raise InputError(path, "no labels", "at least one", "import the labels again")
    ok = pl.col("status") == "ok"
    sound = (
        pl.all_horizontal(pl.col(_ALWAYS_THERE).is_not_null())
        & (ok | (pl.col("status") == "unparsed"))
        & (ok == pl.col("label").is_not_null())
        & pl.col("probability").is_between(0, 1, closed="right").fill_null(True)
    )
    wrong = frame.with_row_index().filter(~sound.fill_null(False))
    if len(wrong):
        raise InputError(path, f"a label that contradicts itself in row {wrong['index'][0] + 1}", expected, fix)
    return frame
