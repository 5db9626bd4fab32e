"""The verdict cache: one SQLite file that survives kills and is shared by runs at the same time.

A verdict is keyed by judge fingerprint, query and response, so that no judge's verdict can be read as another's. Only
what a second try would not change is kept: a verdict of status `error` is asked for again.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import platformdirs

from scorer.assets import text_sha256
from scorer.errors import StorageError
from scorer.records import Response, Verdict

_SCHEMA = """
CREATE TABLE IF NOT EXISTS verdicts (
    key BLOB PRIMARY KEY, status TEXT NOT NULL, label TEXT, probabilities BLOB, evidence TEXT, reason TEXT,
    note TEXT, order_low REAL, order_high REAL, decided_by TEXT
) WITHOUT ROWID
"""
_COLUMNS = ("status", "label", "probabilities", "evidence", "reason", "note", "order_low", "order_high", "decided_by")
_KEPT = ("ok", "unparsed")
_LOOKUP = 500
"""Keys in one SELECT: below SQLite's limit of variables."""
_WAIT_SECONDS = 60


def default_cache_folder() -> Path:
    """The user's cache folder for verdicts (`XDG_CACHE_HOME` is honoured where the system knows it)."""
    return Path(platformdirs.user_cache_dir("scorer", appauthor=False))


def verdict_key(fingerprint: str, response: Response, seen: str = "") -> bytes:
    """16 bytes that name (judge fingerprint, query, response, what else the judge sees)."""
    return bytes.fromhex(text_sha256(fingerprint, response.item.query, response.text, seen))[:16]


class VerdictCache:
    """Verdicts by key. Every `put` is on disk when it returns: a kill loses nothing that was put."""

    def __init__(self, path: Path) -> None:
        """Open or create. Raises StorageError where the file cannot be used."""
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path, timeout=_WAIT_SECONDS, isolation_level=None)
            self._prepare()
        except (OSError, sqlite3.Error) as error:
            raise self._failure(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def _prepare(self) -> None:
        """Bring a new or existing file into shape; two runs that create it at once wait for each other."""
        deadline = time.monotonic() + _WAIT_SECONDS
        while True:
            try:
                self._connection.execute("PRAGMA journal_mode=WAL")
                self._connection.execute("PRAGMA synchronous=NORMAL")
                self._connection.execute(_SCHEMA)
                return
            except sqlite3.OperationalError as error:
                # the change to WAL is the one place where SQLite does not wait by itself
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)

    def get(self, keys: Sequence[bytes]) -> dict[bytes, Verdict]:
        """The verdicts that are there."""
        found: dict[bytes, Verdict] = {}
        try:
            for start in range(0, len(keys), _LOOKUP):
                some = keys[start : start + _LOOKUP]
                marks = ",".join("?" * len(some))
                sql = f"SELECT key, {', '.join(_COLUMNS)} FROM verdicts WHERE key IN ({marks})"
                with closing(self._connection.execute(sql, some)) as rows:
                    found.update((row[0], _verdict(row[1:])) for row in rows)
        except sqlite3.Error as error:
            raise self._failure(error) from error
        return found

    def put(self, verdicts: Iterable[tuple[bytes, Verdict]]) -> None:
        """Store all in one transaction; a key that is there already keeps its verdict."""
        rows = [(key, *_values(v)) for key, v in verdicts if v.status in _KEPT]
        marks = ", ".join("?" * (1 + len(_COLUMNS)))
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                self._connection.executemany(f"INSERT OR IGNORE INTO verdicts VALUES ({marks})", rows)
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:  # SQLite rolls back by itself where the disk is full
                    self._connection.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise self._failure(error) from error

    def _failure(self, error: Exception) -> StorageError:
        return StorageError(
            f"{self._path}: the verdict cache cannot be used ({error}); free the disk, mend the folder's rights, or "
            "choose another with --cache DIR or --no-cache. Verdicts stored so far are intact."
        )


def _values(verdict: Verdict) -> list[Any]:
    """The verdict's columns; probabilities packed as little-endian doubles."""
    p = verdict.probabilities
    packed = None if p is None else np.asarray(p, dtype="<f8").tobytes()
    return [packed if name == "probabilities" else getattr(verdict, name) for name in _COLUMNS]


def _verdict(values: tuple[Any, ...]) -> Verdict:
    read = dict(zip(_COLUMNS, values, strict=True))
    if read["probabilities"] is not None:
        read["probabilities"] = tuple(np.frombuffer(read["probabilities"], dtype="<f8").tolist())
    return Verdict(**read)
