"""Writes rows as files of every kind."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
import pytest

Rows = Sequence[Mapping[str, Any]]
Write = Callable[..., Path]


def _columns(rows: Rows) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))


def _write_jsonl(path: Path, rows: Rows) -> None:
    path.write_bytes(b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows))


def _write_delimited(path: Path, rows: Rows) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, _columns(rows), delimiter="\t" if path.suffix == ".tsv" else ",")
        writer.writeheader()
        writer.writerows(rows)


def _write_parquet(path: Path, rows: Rows) -> None:
    pl.DataFrame({name: [row.get(name) for row in rows] for name in _columns(rows)}).write_parquet(path)


def _write_xlsx(path: Path, rows: Rows) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(_columns(rows))
    for row in rows:
        sheet.append([row.get(name) for name in _columns(rows)])
    book.save(path)


WRITERS = {
    ".jsonl": _write_jsonl,
    ".ndjson": _write_jsonl,
    ".csv": _write_delimited,
    ".tsv": _write_delimited,
    ".parquet": _write_parquet,
    ".xlsx": _write_xlsx,
}


@pytest.fixture(scope="session")
def write(tmp_path_factory: pytest.TempPathFactory) -> Write:
    """write("data.csv", rows) -> the path of a new file, in a folder of its own."""

    def _write(name: str, content: Rows | bytes) -> Path:
        path = tmp_path_factory.mktemp("file") / name
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            WRITERS[path.suffix](path, content)
        return path

    return _write
