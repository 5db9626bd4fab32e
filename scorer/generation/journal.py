"""The table of responses while it grows, and when it is whole: one row an item, appended as answers come.

NAME.jsonl           the table, put in place whole, in the benchmark's order
NAME.part.jsonl      rows of a generation under way; the latest row of an item counts
NAME.manifest.json   how they came about: written before the first row, and again at the end
"""

from __future__ import annotations

import fcntl
import glob
import json
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from scorer.errors import RunError
from scorer.run_folder import storage_errors, write_json, write_whole

ENDING = ".jsonl"
_SYNC_SECONDS = 1.0
"""A power cut may cost the rows of this time; a killed process loses none."""

Row = dict[str, Any]


class Journal:
    """The rows that are there already, and the place for more. Memory: id, place and image hash of every row."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.part = out.with_name(f"{out.stem}.part{ENDING}")
        self.manifest_path = out.with_name(f"{out.stem}.manifest.json")
        self._places: dict[str, tuple[bool, int]] = {}  # item id -> (in the part?, offset)
        self._failed: set[str] = set()
        self._images: dict[str, str] = {}
        self._handle: BinaryIO | None = None
        self._synced = 0.0

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Hold the table for this process. Raises RunError where another process writes it."""
        with storage_errors(self.part):
            self.out.parent.mkdir(parents=True, exist_ok=True)
            self._handle = _locked(self.part)
        try:
            self._remove_leftovers()
            yield
        finally:
            self._tidy()
            self._handle.close()
            self._handle = None

    def _remove_leftovers(self) -> None:
        """Remove what a process that was killed while it put a file in place left beside it."""
        with storage_errors(self.out):
            for path in (self.out, self.manifest_path):
                for leftover in self.out.parent.glob(f".{glob.escape(path.name)}.*"):
                    leftover.unlink()

    def _tidy(self) -> None:
        """Leave no trace of a generation that never got an answer."""
        if self.part.exists() and self.part.stat().st_size == 0:
            self.part.unlink()
            if not self.out.exists():
                self.manifest_path.unlink(missing_ok=True)

    def manifest(self) -> dict[str, Any] | None:
        """What was written about the rows; None where there is nothing. Raises RunError where it cannot be read."""
        try:
            loaded = json.loads(self.manifest_path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise RunError(f"{self.manifest_path}: cannot be read ({error}); start anew with --force.") from error
        if not isinstance(loaded, dict):
            raise RunError(f"{self.manifest_path}: is no manifest; start anew with --force.")
        return loaded

    def write_manifest(self, record: dict[str, Any]) -> None:
        """Say how the rows come about."""
        write_json(self.manifest_path, record)

    def clear(self) -> None:
        """Forget all rows, on the disk too."""
        assert self._handle is not None
        with storage_errors(self.out):
            self.out.unlink(missing_ok=True)
            self.manifest_path.unlink(missing_ok=True)
            self._handle.truncate(0)
        self._places.clear()
        self._failed.clear()

    def found(self) -> Path | None:
        """A file that holds something under one of the names for rows; None where there is none."""
        return next((p for p in (self.out, self.part) if p.exists() and (p == self.out or p.stat().st_size)), None)

    def look(self) -> None:
        """Find the rows that are there without holding the table, and change nothing."""
        for path in (self.out, self.part):
            if path.is_file():
                self._index(path, in_part=path == self.part)

    def load(self) -> None:
        """Find the rows that are there. A row that was cut off by a kill is cut away."""
        self._places.clear()
        self._failed.clear()
        if self.out.exists():
            self._index(self.out, in_part=False)
        whole = self._index(self.part, in_part=True)
        assert self._handle is not None
        with storage_errors(self.part):
            self._handle.truncate(whole)

    def __len__(self) -> int:
        return len(self._places)

    @property
    def unsettled(self) -> bool:
        """Whether there are rows that are not in the table yet."""
        return any(in_part for in_part, _ in self._places.values())

    def __contains__(self, item_id: str) -> bool:
        return item_id in self._places

    def failed(self, item_id: str) -> bool:
        """Whether the latest row of an item says that it failed."""
        return item_id in self._failed

    def image(self, item_id: str) -> str | None:
        """The SHA-256 of the image that an item was answered with; None where there is none, or no answer."""
        return self._images.get(item_id)

    def forget(self, item_id: str) -> None:
        """Take an item for one that has no row; the row stays on the disk until another takes its place."""
        del self._places[item_id]

    def append(self, row: Row) -> None:
        """Keep a row: from now on no kill of this process loses it. Raises StorageError where the disk is full."""
        handle = self._handle
        assert handle is not None
        with storage_errors(self.part):
            offset = handle.seek(0, os.SEEK_END)
            data = memoryview(_line(row))
            while data:
                data = data[handle.write(data) :]
            if time.monotonic() - self._synced > _SYNC_SECONDS:
                os.fsync(handle.fileno())
                self._synced = time.monotonic()
        self._note(row, in_part=True, offset=offset)

    def settle(self, order: Iterable[str]) -> None:
        """Put the table in place: the latest row of every item, in the order given. The part is gone then."""

        def write(path: Path) -> None:
            with path.open("wb") as table:
                for row in self.rows(order):
                    table.write(_line(row))

        write_whole(self.out, write)
        with storage_errors(self.part):
            self.part.unlink(missing_ok=True)
        self._places.clear()
        self._index(self.out, in_part=False)

    def rows(self, order: Iterable[str]) -> Iterator[Row]:
        """The latest row of every item that has one, in the order given."""
        with _opened(self.out) as table, _opened(self.part) as part:
            for item_id in order:
                if item_id in self._places:
                    in_part, offset = self._places[item_id]
                    handle = part if in_part else table
                    assert handle is not None
                    handle.seek(offset)
                    yield json.loads(handle.readline())

    def _index(self, path: Path, *, in_part: bool) -> int:
        """Note every whole row; the number of bytes that they take."""
        offset = 0
        with path.open("rb") as handle:
            for line in handle:
                try:
                    row = json.loads(line) if line.endswith(b"\n") else None
                except ValueError:
                    row = None
                if not isinstance(row, dict) or not isinstance(row.get("item_id"), str):
                    if in_part:
                        break
                    raise RunError(f"{path}: got a line that no generation wrote; start anew with --force.")
                self._note(row, in_part=in_part, offset=offset)
                offset += len(line)
        return offset

    def _note(self, row: Row, *, in_part: bool, offset: int) -> None:
        item_id = row["item_id"]
        self._places[item_id] = (in_part, offset)
        answered = row.get("status") == "ok"
        (self._failed.discard if answered else self._failed.add)(item_id)
        if answered and isinstance(image := row.get("image_sha256"), str):
            self._images[item_id] = image
        else:
            self._images.pop(item_id, None)


def check_name(out: Path) -> None:
    """Raise RunError where the name is no table's, or is taken by a folder."""
    if out.suffix != ENDING or not out.stem or out.is_dir():
        raise RunError(f"{out}: got a name that is no table's; expected NAME{ENDING}; choose another --out.")


def _locked(path: Path) -> BinaryIO:
    """The file, opened for more, which no other process has open this way. The system's lock dies with the process."""
    while True:
        handle = path.open("ab+", buffering=0)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            handle.close()
            raise RunError(f"{path}: another generation is writing it; wait for it or choose another --out.") from error
        except OSError:
            return handle  # a file system that knows no locks
        if path.exists() and os.path.samestat(path.stat(), os.fstat(handle.fileno())):
            return handle
        handle.close()  # the process that held it has just put its table in place and removed this file


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO | None]:
    if not path.exists():
        yield None
        return
    with path.open("rb") as handle:
        yield handle


def _line(row: Row) -> bytes:
    return (json.dumps(row, ensure_ascii=False) + "\n").encode("utf-8", "replace")
