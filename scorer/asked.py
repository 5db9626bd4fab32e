"""What a user asks `scorer score` to do, and where the answer to "how far are you?" goes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from scorer.finish import Correction
from scorer.judges import JudgeOptions
from scorer.served_model import ServerOptions


class Progress(Protocol):
    """Where the pipeline says what it is doing."""

    def say(self, line: str) -> None:
        """One line for the user."""

    def start(self, what: str, total: int) -> None:
        """A counted stage begins."""

    def advance(self, count: int) -> None:
        """Some of the counted stage is done."""

    def finish(self) -> None:
        """The counted stage is over."""


@dataclass(frozen=True)
class ScoreOptions:
    """What a user asks `scorer score` to do. `cache` None is the user's cache folder."""

    inputs: tuple[Path, ...]
    out: Path
    rubric: str = "vscbench"
    judges: tuple[str, ...] = ("embedding",)
    format: str = "auto"
    target: str | None = None
    method: str | None = None
    seed: int = 0
    force: bool = False
    cache: Path | None = None
    use_cache: bool = True
    judge_options: JudgeOptions = field(default_factory=JudgeOptions)
    server: ServerOptions = field(default_factory=ServerOptions)
    also: tuple[str, ...] = ()
    """Further rubrics that the served model judges by, in columns of their own."""
    explain: bool = False
    calibration: Path | None = None
    correction: Correction = field(default_factory=Correction)
