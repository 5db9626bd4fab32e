"""How far a run of several steps is: run.json in its output folder, written whole after every change."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scorer import __version__
from scorer.assets import file_sha256
from scorer.errors import RunError, ScorerError
from scorer.run_folder import RunFolder, write_json

STATE = "run.json"

Made = dict[str, Any]
"""What a step is made of: names and digests, as JSON holds them."""


@dataclass(frozen=True)
class Said:
    """What a step says at its end, and how many items failed in it.

    `meaning` is what numbers mean that come of it, where they do not mean the whole benchmark.
    """

    words: str
    failed: int = 0
    meaning: str = ""


class RunState:
    """The steps of the run in `out`: what each was made of, its outputs' hashes, and whether it is done."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self._record = self._load()

    @contextmanager
    def claimed(self, config: Path, sha256: str) -> Iterator[None]:
        """Hold the folder for this process and note the config.

        Raises RunError where another process holds it, or where files lie in it that no run wrote.
        """
        with RunFolder(self.out).claimed():
            if not (self.out / STATE).exists() and (others := sorted(p.name for p in self.out.iterdir())):
                raise RunError(
                    f"{self.out}: got a folder with other files ({', '.join(others[:3])}); expected an empty or new "
                    "one; choose another `out`."
                )
            self._record = self._load()  # another process may have finished meanwhile
            self._record |= {"scorer": __version__, "config": str(config), "config_sha256": sha256}
            self._write()
            yield

    def done(self, step: str, made_from: Made) -> bool:
        """Whether the step was finished from the very same, and its outputs are as it left them."""
        record = self.record(step)
        return (
            record.get("state") == "done"
            and record["made_from"] == made_from
            and all(_hash(self.out / name) == digest for name, digest in record["outputs"].items())
        )

    def names(self) -> list[str]:
        """The steps that began."""
        return list(self._record["steps"])

    def record(self, step: str) -> dict[str, Any]:
        """What is known of a step, empty where it never began."""
        found: dict[str, Any] = self._record["steps"].get(step, {})
        return found

    def meaning(self, step: str) -> str:
        """What numbers mean that come of a step; "" where they mean the whole benchmark."""
        return str(self.record(step).get("meaning", ""))

    def differs(self, step: str, made_from: Made) -> list[str]:
        """Names of what the step was made of before and is not now; empty where it never began."""
        before = self.record(step).get("made_from", made_from)
        return sorted(name for name in made_from if before.get(name) != made_from[name])

    @contextmanager
    def step(self, step: str, made_from: Made, outputs: Sequence[Path]) -> Iterator[list[Said]]:
        """A step under way; what it says at its end is appended to the list."""
        replaces = bool(self.differs(step, made_from)) or self.record(step).get("replaces", False)
        self._note(step, {"state": "running", "made_from": made_from, "began": _now(), "replaces": replaces})
        said: list[Said] = []
        try:
            yield said
        except ScorerError as error:
            self._note(step, self.record(step) | {"state": "failed", "why": str(error)})
            raise
        hashes = {str(path.relative_to(self.out)): _hash(path) for path in outputs}
        last = said[-1]
        end = {"state": "done", "ended": _now(), "said": last.words, "failed": last.failed, "meaning": last.meaning}
        self._note(step, self.record(step) | end | {"outputs": hashes, "replaces": False})

    def replaces(self, step: str) -> bool:
        """Whether the step under way takes the place of one that was made of something else."""
        return bool(self.record(step).get("replaces"))

    def _note(self, step: str, record: dict[str, Any]) -> None:
        self._record["steps"][step] = record
        self._write()

    def _write(self) -> None:
        write_json(self.out / STATE, self._record)

    def _load(self) -> dict[str, Any]:
        path = self.out / STATE
        try:
            loaded = json.loads(path.read_text(encoding="utf-8"))
            if isinstance(loaded["steps"], dict):
                return dict(loaded)
        except FileNotFoundError:
            return {"created": _now(), "steps": {}}
        except (OSError, ValueError, KeyError, TypeError):
            pass
        raise RunError(f"{path}: cannot be read as the state of a run; choose another `out`, or remove this file.")


def _hash(path: Path) -> str | None:
    return file_sha256(path) if path.is_file() else None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
