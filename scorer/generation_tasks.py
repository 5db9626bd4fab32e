"""What a generation asks: benchmark, channels, method, wordings and demonstrations, read and checked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from scorer.assets import file_sha256, text_sha256
from scorer.benchmarks import Benchmark, find_benchmark, read_tasks
from scorer.errors import InputError, RunError
from scorer.generation.demonstrations import Leaks, Shot, digest, read_shots
from scorer.generation.messages import Messages
from scorer.generation.methods import Method, find_method, wording_of
from scorer.generation.prompts import FIGSTEP, Ask, ask_of, read_text
from scorer.images import ImageFault, located
from scorer.records import Item, Task


@dataclass(frozen=True, slots=True)
class Asked:
    """An item that can be asked, and what the target gets."""

    item: Item
    ask: Ask


@dataclass(frozen=True)
class Plan:
    """What is asked of a target. `asked()` reads the benchmark anew each time: nothing of it is held."""

    source: Path
    benchmark: Benchmark
    method: Method
    wording: str
    figstep: str
    shots: Sequence[Shot]
    channels: tuple[str, ...]
    identity: dict[str, str]
    """Digests of all that makes the conversations."""
    items: int = 0
    """Items that can be asked."""
    missing: tuple[str, ...] = ()
    """Sheets and images that are not there."""
    left_out: int = 0
    """Items that lack their image."""

    @property
    def meaning(self) -> str:
        """What numbers mean that come of the items that can be asked; "" where nothing is missing."""
        if not self.missing:
            return ""
        return (
            f"{len(self.missing):,} files are missing: only {self.items:,} of {self.items + self.left_out:,} items "
            "found can be asked. Numbers then hold for those items, not for the whole benchmark, and cannot be set "
            "beside published ones."
        )

    def asked(self) -> Iterator[Asked]:
        """The items that can be asked, in the benchmark's order."""
        for task in self._tasks():
            if (ask := self._ask(task)) is not None:
                yield Asked(task.item, ask)

    def item_ids(self) -> Iterator[str]:
        """The ids of all items, of other channels too, in the benchmark's order."""
        return (task.item.item_id for task in read_tasks(self.benchmark, self.source))

    def messages(self, asked: Asked) -> Messages:
        """The conversation for an item."""
        return self.method.messages(asked.ask, self.wording, self.shots)

    def _tasks(self) -> Iterator[Task]:
        for task in read_tasks(self.benchmark, self.source):
            if not self.channels or task.item.channel in self.channels:
                yield task

    def _ask(self, task: Task) -> Ask | None:
        """None where the item's image is missing."""
        if task.item.channel == "text":
            return ask_of(task, None, self.figstep)
        if task.item.image is None:
            return None
        try:
            return ask_of(task, located(self.benchmark.images(self.source), task.item.image), self.figstep)
        except ImageFault:
            return None


def make_plan(
    source: Path,
    *,
    method: str,
    channels: tuple[str, ...],
    wording: Path | None,
    figstep_prompt: Path | None,
    demonstrations: Path | None,
) -> Plan:
    """Read and check everything. Raises InputError for what is bad, RunError for options that do not go together."""
    _, benchmark = find_benchmark(source)
    chosen = find_method(method)
    if chosen.SHOTS and demonstrations is None:
        raise RunError(f"the method {method} needs --demonstrations: a table of image, query, response, expects.")
    if demonstrations is not None and not chosen.SHOTS:
        raise RunError(f"got --demonstrations, which the method {method} does not use; remove it, or take one_shot.")
    shots = read_shots(demonstrations, chosen.SHOTS) if demonstrations else ()
    words = wording_of(chosen, wording)
    figstep = read_text(figstep_prompt, "the instruction for FigStep's images") if figstep_prompt else FIGSTEP
    plan = Plan(
        source=source,
        benchmark=benchmark,
        method=chosen,
        wording=words,
        figstep=figstep,
        shots=shots,
        channels=channels,
        identity={
            "benchmark": text_sha256(*(file_sha256(f) for f in benchmark.files(source) if f.is_file())),
            "wording": text_sha256(words),
            "figstep_prompt": text_sha256(figstep),
            "demonstrations": digest(shots),
        },
    )
    return _counted(plan, Leaks(demonstrations, shots) if demonstrations else None)


def _counted(plan: Plan, leaks: Leaks | None) -> Plan:
    """One pass over the items: how many there are, what is missing, and that no demonstration is among them."""
    items = left_out = 0
    missing = {file.name: None for file in plan.benchmark.files(plan.source) if not file.is_file()}
    seen: set[str] = set()
    for task in plan._tasks():
        seen.add(task.item.channel or "")
        ask = plan._ask(task)
        if leaks is not None:
            leaks.refuse(task.item.item_id, (task.item.query, task.with_image or ""), ask.image if ask else None)
        if ask is None:
            left_out += 1
            missing[task.item.image or f"the image of item {task.item.item_id}"] = None
        else:
            items += 1
    if unknown := sorted(set(plan.channels) - seen):
        raise InputError(plan.source, f"no item of the channel {', '.join(unknown)}", "one", "correct --channel")
    return replace(plan, items=items, left_out=left_out, missing=tuple(missing))
