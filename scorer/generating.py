"""A benchmark's items -> a target's responses, in a table that `scorer score` reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from scorer.target_model import Target, TargetOptions


class GenerateProgress(Protocol):
    """Where a generation says how far it is."""

    def start(self, what: str, total: int) -> None:
        """`total` items are about to be asked."""

    def advance(self, items: int, tokens: int) -> None:
        """So many more items are answered, or failed; they took so many written tokens."""

    def finish(self) -> None:
        """No more items come."""


@dataclass(frozen=True)
class GenerateOptions:
    """What a user asks `scorer generate` to do: one target, one method, one file."""

    benchmark: Path
    """VSCBench's folder, or a table with the columns query, image, expects, category."""
    out: Path
    """The table to write, NAME.jsonl; NAME.manifest.json beside it says how it came about."""
    target: TargetOptions
    method: str = "plain"
    channels: tuple[str, ...] = ()
    """The channels to ask, all where empty."""
    max_new_tokens: int = 4096
    wording: Path | None = None
    """Text file with {query} in it that takes the place of the method's own wording."""
    figstep_prompt: Path | None = None
    """Text file with the instruction that goes with FigStep's images."""
    demonstrations: Path | None = None
    """Table with the columns image, query, response, expects, for methods with shots."""
    retry_failed: bool = False
    """Ask items again that failed, and those that were never asked."""
    allow_missing: bool = False
    """Run on the items whose images are there; the others are left out and counted."""
    force: bool = False
    """Start anew where `out` came of another benchmark, target or options."""


@dataclass(frozen=True)
class GenerateSummary:
    """What a generation did. Token counts and seconds are those of this call alone."""

    out: Path
    items: int
    """Rows of the table: `ok` + `failed`."""
    ok: int
    failed: int
    left_out: int
    """Items that were not asked because their image is missing."""
    asked: int
    """Items asked by this call; the others were there already."""
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    reasons: dict[str, int]
    """Why items failed, with their numbers."""
    meaning: str
    """One sentence on what numbers mean where items were left out, else ""."""


def generate(
    options: GenerateOptions,
    say: Callable[[str], None],
    progress: GenerateProgress,
    target: Target | None = None,
) -> GenerateSummary:
    """Ask the target every item of the benchmark and write `options.out`, whole and in the benchmark's order.

    `target` is an open one (`open_target`) to use for several methods in turn; where None, `options.target` is opened
    here and closed again, its GPU memory freed, before this returns. Answers are kept as they come, in a journal
    beside `out`: killed at any moment, the same call goes on where it was, asks nothing twice and loses nothing. An
    item that fails is a row with `status` error and its `reason`; it never ends the run. A table that is complete
    already is left as it is, and the target is not started.

    Raises InputError for a bad benchmark, missing images (without `allow_missing`), wordings, or demonstrations that
    stand among the items; RunError where `out` belongs to other options (without `force`) or another process writes
    it; ServerError where the target cannot be started or died; StorageError where the disk refuses.
    """
    raise NotImplementedError
