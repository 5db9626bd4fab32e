"""The run folder: what lies where, one writer at a time, and files that appear whole or not at all."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl

from scorer.errors import RunError, StorageError

RESPONSES = "responses.parquet"
VERDICTS = "verdicts.parquet"
SCORES_CSV = "scores.csv"
SCORES_JSON = "scores.json"
ALSO_CSV = "also.csv"
ALSO_JSON = "also.json"
"""Shares by further rubrics; only runs that judged by such have them."""
MANIFEST = "manifest.json"
REPORT = "report.html"
OUTPUTS = (RESPONSES, VERDICTS, SCORES_CSV, SCORES_JSON, ALSO_CSV, ALSO_JSON, MANIFEST, REPORT)

_WORK = ".work"
_IDENTITY = ("item_id", "target", "method")


class RunFolder:
    """A folder that holds one run. `work` is for files of a run under way; it is gone when the run is complete."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.work = path / _WORK

    def __truediv__(self, name: str) -> Path:
        return self.path / name

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Create the folder where needed and hold it for this process; a folder left empty is removed again.

        Raises RunError where another process holds it, StorageError where it cannot be written. The lock is the
        operating system's, so a killed process leaves none behind.
        """
        with storage_errors(self.path):
            if self.path.exists() and not self.path.is_dir():
                raise RunError(f"{self.path}: got a file; expected a folder or a new name; choose another --out.")
            self.path.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.path, os.O_RDONLY)
        try:
            self._lock(handle)
            try:
                self._remove_leftovers()
                yield
            finally:
                self._tidy()
        finally:
            os.close(handle)

    def _lock(self, handle: int) -> None:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RunError(f"{self.path}: another run is writing here; wait for it or choose another --out.") from error
        except OSError:
            pass  # a file system that knows no locks

    def _remove_leftovers(self) -> None:
        """Remove what a run that was killed while it put a file in place left beside it."""
        with storage_errors(self.path):
            for name in OUTPUTS:
                for leftover in self.path.glob(f".{name}.*"):
                    leftover.unlink()

    def _tidy(self) -> None:
        """Leave no trace of a run that never began."""
        if self.path.is_dir() and not self.holds_outputs():
            self.clear_work()
            if not any(self.path.iterdir()):
                self.path.rmdir()

    def manifest(self) -> dict[str, Any] | None:
        """The manifest of the run that lies here, None where there is none."""
        try:
            loaded = json.loads((self / MANIFEST).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise RunError(
                f"{self / MANIFEST}: cannot be read ({error}); use --force to start this run anew."
            ) from error
        if not isinstance(loaded, dict):
            raise RunError(f"{self / MANIFEST}: is no manifest; use --force to start this run anew.")
        return loaded

    def holds_outputs(self) -> bool:
        """Whether a file lies here that has the name of one of a run's."""
        return any((self / name).exists() for name in OUTPUTS)

    def foreign(self) -> list[str]:
        """Names in the folder that no run of this program wrote: its first file is the manifest."""
        own = {*OUTPUTS, _WORK} if (self / MANIFEST).exists() else {_WORK}
        return sorted(p.name for p in self.path.iterdir() if p.name not in own) if self.path.is_dir() else []

    def clear_work(self) -> None:
        """Remove the files of the run under way."""
        shutil.rmtree(self.work, ignore_errors=True)

    def clear_outputs(self) -> None:
        """Remove an earlier run's files, and nothing else."""
        with storage_errors(self.path):
            for name in OUTPUTS:
                (self / name).unlink(missing_ok=True)


def load_run(path: Path) -> dict[str, Any]:
    """The manifest of a complete run. Raises RunError where the folder holds none."""
    manifest = RunFolder(path).manifest()
    if manifest is None:
        raise RunError(f"{path}: got a folder without {MANIFEST}; expected a run written by `scorer score --out`.")
    if manifest.get("state") != "complete":
        raise RunError(f"{path}: the run is not complete; start the same `scorer score` command again to finish it.")
    return manifest


def read_parquet(path: Path, otherwise: str = "score again to write it.") -> pl.DataFrame:
    """A run's table. Raises RunError where the file is broken, or cannot be read: then `otherwise` is what to do."""
    try:
        return pl.read_parquet(path)
    except OSError as error:
        raise RunError(f"{path}: cannot be read ({error.strerror or error}); {otherwise}") from error
    except pl.exceptions.PolarsError as error:
        raise RunError(f"{path}: is not a whole Parquet file; score again to write it anew.") from error


def refuse_others_verdicts(run: Path, judge: str, verdicts: pl.DataFrame, responses: pl.DataFrame) -> None:
    """Raise RunError unless row i of the judge's verdicts belongs to response i."""
    if not verdicts.select(_IDENTITY).equals(responses.select(_IDENTITY)):
        raise RunError(f"{run}: the verdicts of {judge} belong to other responses than {RESPONSES}; score again.")


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn what the system says about a disk or a folder into a StorageError."""
    try:
        yield
    except (OSError, pl.exceptions.PolarsError) as error:
        text = getattr(error, "strerror", None) or str(error).partition("\n")[0]
        raise StorageError(
            f"{path}: cannot be written ({text}); free the disk or mend the folder's rights and start the same "
            "command again. What was scored so far is kept."
        ) from error


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Call `write` with a temporary path beside `path`, make it durable, and put it in place in one step."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with storage_errors(path):
        try:
            write(temporary)
            with temporary.open("rb") as handle:
                os.fsync(handle.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file whole."""
    write_whole(path, lambda p: p.write_text(text, encoding="utf-8"))


def as_json(value: object) -> str:
    """JSON that a person can read; NaN is refused."""
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def write_json(path: Path, value: object) -> None:
    """Write JSON whole."""
    write_text(path, as_json(value))


def write_parts(path: Path, parts: list[Path]) -> None:
    """Join Parquet parts into one file, in order, streamed so that memory stays flat."""
    write_whole(path, lambda p: pl.scan_parquet(parts).sink_parquet(p, maintain_order=True))
