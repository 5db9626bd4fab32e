"""Answers that a run finds in its folder: dear, and gone on with only where they came about in the same way."""

from __future__ import annotations

from pathlib import Path

from scorer.errors import RunError
from scorer.generation.journal import Journal
from scorer.run_config import NamedTarget, RunConfig
from scorer.run_folder import storage_errors
from scorer.run_inputs import FIXED
from scorer.run_state import Made, RunState
from scorer.run_steps import generation_name

_CHANNELS = "channels"


def refuse_others(
    config: RunConfig, state: RunState, target: NamedTarget, method: str, made_from: Made, *, force: bool
) -> bool:
    """Whether a target's answers by a method came about otherwise. Raises RunError then, unless `force`."""
    other = _other(state, generation_name(target, method), made_from)
    if not other or not _files(config, target, method):
        return False
    if not force:
        raise RunError(
            f"{config.responses(target, method)}: holds responses with other {' and '.join(other)}; choose another "
            f"`out` in {config.path}, or --force to start them anew."
        )
    return True


def remove_others(config: RunConfig, state: RunState, target: NamedTarget, method: str, made_from: Made) -> None:
    """Remove a target's answers by a method where they came about otherwise. Raises StorageError where it cannot."""
    if _other(state, generation_name(target, method), made_from):
        with storage_errors(config.responses(target, method)):
            for path in _files(config, target, method):
                path.unlink()


def _files(config: RunConfig, target: NamedTarget, method: str) -> list[Path]:
    journal = Journal(config.responses(target, method))
    return [path for path in (journal.out, journal.part, journal.manifest_path) if path.exists()]


def _other(state: RunState, step: str, made_from: Made) -> list[str]:
    """What is other than it was; further channels are only asked besides, one that is gone would still be scored."""
    names = [name for name in state.differs(step, made_from) if name in FIXED]
    before = state.record(step).get("made_from", made_from).get(_CHANNELS, [])
    now = made_from[_CHANNELS]
    return names + ([_CHANNELS] if now and (not before or set(before) - set(now)) else [])
