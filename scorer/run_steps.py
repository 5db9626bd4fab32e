"""How a run does one step: not at all where it is done, else noted before and after."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from scorer.asked import Progress
from scorer.generate_options import GenerateProgress
from scorer.run_config import NamedTarget, RunConfig
from scorer.run_state import Made, RunState, Said


@dataclass(frozen=True)
class RunOptions:
    """What a user asks `scorer run` to do beside the config."""

    skip: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    retry_failed: bool = False
    force: bool = False
    """Start responses anew that were made with other settings."""


@dataclass(frozen=True)
class Shown:
    """Where a run says what it does."""

    say: Callable[[str], None]
    generating: GenerateProgress
    scoring: Progress


@dataclass(frozen=True)
class Doing:
    """A run under way."""

    config: RunConfig
    options: RunOptions
    shown: Shown
    state: RunState

    def step(self, step: str, made_from: Made, outputs: Sequence[Path], work: Callable[[], Said]) -> None:
        """Do one step, unless it is done, and say so."""
        if self.is_done(step, made_from):
            self.shown.say(f"{step}: done already, {self.state.record(step)['said']}")
            return
        self.shown.say(f"{step}: begins")
        with self.state.step(step, made_from, outputs) as said:
            said.append(work())
        self.shown.say(f"{step}: done, {said[-1].words}")

    def is_done(self, step: str, made_from: Made) -> bool:
        """Whether nothing is left to do; failed items are, where they are to be asked again."""
        again = self.options.retry_failed and self.state.record(step).get("failed")
        return not again and self.state.done(step, made_from)


def generation_name(target: NamedTarget, method: str) -> str:
    """The step of a target and a method."""
    return f"generate {target.slug} {method}"
