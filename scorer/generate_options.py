"""What a user asks `scorer generate` to do, and what comes back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from scorer.target_model import TargetOptions


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
    """Start anew, whatever is there under the name `out`."""


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
    cut: int
    """Responses among `ok` that were cut off, at `max_new_tokens` or at the end of the context."""
