"""Parquet, read in small batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl

from scorer.errors import InputError
from scorer.readers._table import header_names

_BATCH = 256  # rows in memory at once

Located = tuple[str, dict[str, object]]


def open_rows(path: Path, wanted: Callable[[frozenset[str]], bool]) -> tuple[list[str], Iterator[Located], str]:
    """Named columns, stream of ("row N", values) where the header would be row 1, and no note."""
    # glob and hive_partitioning would give a meaning to brackets and equal signs in the path
    try:
        scan = pl.scan_parquet(path, glob=False, hive_partitioning=False)
        names = header_names(path, scan.collect_schema().names())
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise _broken(path, "no readable Parquet file") from error
    return [name for name in names if name], _rows(path, scan, names), ""


def _rows(path: Path, scan: pl.LazyFrame, names: list[str]) -> Iterator[Located]:
    number = 1
    while not (batch := _batch(path, scan, number)).is_empty():
        for values in batch.iter_rows():
            number += 1
            yield f"row {number}", {name: value for name, value in zip(names, values, strict=True) if name}


def _batch(path: Path, scan: pl.LazyFrame, number: int) -> pl.DataFrame:
    try:
        return scan.slice(number - 1, _BATCH).collect()
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise _broken(path, f"damaged Parquet data after row {number}") from error


def _broken(path: Path, got: str) -> InputError:
    return InputError(path, got, "a complete Parquet file", "write or copy the file again")
