"""Benchmarks: what holds queries -> items. One benchmark per file, found by listing this folder.

A benchmark's file offers what `Benchmark` describes. Files whose name starts with `_` are helpers.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from scorer.errors import InputError
from scorer.records import Item, Task

_FOLDER = Path(__file__).parent


class Benchmark(Protocol):
    """What every benchmark offers. `source` is the folder or file that the user names."""

    EXPECTED: str
    """The source it reads, in words."""

    def recognises(self, source: Path) -> bool:
        """Whether the source is this benchmark's."""

    def files(self, source: Path) -> tuple[Path, ...]:
        """The files that hold the queries, whether they are there or not."""

    def images(self, source: Path) -> Path:
        """The folder that the items' image paths start from."""

    def tasks(self, source: Path) -> Iterator[Task]:
        """The items of the files that are there, as a target is asked. Raises InputError where a row is bad."""


def benchmark_names() -> list[str]:
    """Names of all benchmarks."""
    return sorted(file.stem.replace("_", "-") for file in _FOLDER.glob("[!_]*.py"))


def find_benchmark(source: Path) -> tuple[str, Benchmark]:
    """Name and benchmark that recognise the source. Raises InputError where none does."""
    found = {name: _benchmark(name) for name in benchmark_names()}
    for name, benchmark in found.items():
        if benchmark.recognises(source):
            return name, benchmark
    got = "no benchmark" if source.exists() else "no such file or folder"
    raise InputError(source, got, "; or ".join(b.EXPECTED for b in found.values()), "check the path")


def read_tasks(benchmark: Benchmark, source: Path) -> Iterator[Task]:
    """The tasks, one by one. Raises InputError where an item's id stands twice, or a row is bad."""
    seen: set[str] = set()
    for task in benchmark.tasks(source):
        item_id = task.item.item_id
        if item_id in seen:
            raise InputError(source, f"the item id {item_id!r} twice", "every id once", "rename one of them")
        seen.add(item_id)
        yield task


def read_items(benchmark: Benchmark, source: Path) -> Iterator[Item]:
    """The items alone, as `read_tasks` gives them."""
    return (task.item for task in read_tasks(benchmark, source))


def _benchmark(name: str) -> Benchmark:
    return cast(Benchmark, import_module(f"{__name__}.{name.replace('-', '_')}"))
