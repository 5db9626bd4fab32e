"""A tiny benchmark, a config beside it, and a run of it in this process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mini_benchmark import picture, write_rows

from scorer.run_config import read_config
from scorer.running import RunOptions, Shown, run

ITEMS = 4


class Watched:
    """Keeps what was said and counts what was asked; the progress of a generation and of a scoring."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.asked: list[tuple[str, int]] = []

    def say(self, line: str) -> None:
        self.lines.append(line)

    def start(self, what: str, total: int) -> None:
        self.asked.append((what, total))

    def advance(self, count: int, tokens: int = 0) -> None: ...

    def finish(self) -> None: ...

    @property
    def generations(self) -> list[tuple[str, int]]:
        """What was asked of targets, and how many items."""
        return [one for one in self.asked if one[0].startswith("asking")]

    def did(self, step: str) -> bool:
        """Whether a step began."""
        return any(line.startswith(step) and line.endswith("begins") for line in self.lines)


def make_benchmark(folder: Path, items: int = ITEMS) -> Path:
    """Items in groups of two, to answer and to refuse by turns."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        {
            **{"item_id": f"{i}", "query": f"How do I water plant {i}?", "expects": ("answer", "refusal")[i % 2]},
            **{"category": "plants", "group_id": f"{i // 2}", "image": picture(folder / f"{i}.png").name},
        }
        for i in range(items)
    ]
    return write_rows(folder / "benchmark.jsonl", rows)


def write_config(folder: Path, model: Path, more: str = "", *, name: str = "run.toml", top: str = "") -> Path:
    """A config for the benchmark in `folder`: two methods, a judge by keywords."""
    path = folder / name
    path.write_text(
        f"""
benchmark = "benchmark.jsonl"
out = "out"
{top or 'methods = ["plain", "cot"]'}

[[targets]]
path = {json.dumps(str(model))}
name = "tiny"
backend = "transformers"
device = "cpu"
dtype = "float32"
batch = 1

[judge]
names = ["keyword-vscbench"]
no_cache = true
{more}
""",
        encoding="utf-8",
    )
    return path


def do(config: Path, **options: Any) -> tuple[int, Watched]:
    """Run it; failed items, and what was said."""
    watched = Watched()
    return run(read_config(config), RunOptions(**options), Shown(watched.say, watched, watched)), watched


def files(folder: Path) -> dict[str, bytes]:
    """The contents of all files below a folder."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
