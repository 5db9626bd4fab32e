"""A target that answers as a script says, over real HTTP, and a generation from it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from scripted_server import Reply, Scripted

from scorer.generating import GenerateOptions, GenerateSummary, generate
from scorer.target_model import Target, TargetOptions


class Quiet:
    """A progress that only counts, and keeps what was said."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.total = self.items = self.tokens = 0

    def say(self, line: str) -> None:
        self.lines.append(line)

    def start(self, what: str, total: int) -> None:
        self.total = total

    def advance(self, items: int, tokens: int) -> None:
        self.items += items
        self.tokens += tokens

    def finish(self) -> None: ...


def said(body: dict[str, Any]) -> str:
    """The text of a request's last turn."""
    return "".join(part["text"] for part in body["messages"][-1]["content"] if part["type"] == "text")


def completion(text: str, finish: str = "stop", tokens: int = 3) -> Reply:
    """An answer as vLLM gives it."""
    usage = {"prompt_tokens": 7, "completion_tokens": tokens}
    return Reply({"choices": [{"message": {"content": text}, "finish_reason": finish}], "usage": usage})


def answers(body: dict[str, Any], _: int) -> Reply:
    """Says what it was asked."""
    return completion(f"Sure. You asked: {said(body)}")


def run(
    benchmark: Path,
    out: Path,
    target: str | Scripted | TargetOptions,
    *,
    opened: Target | None = None,
    progress: Quiet | None = None,
    in_flight: int = 4,
    **options: Any,
) -> GenerateSummary:
    """Generate in this process."""
    url = target.url if isinstance(target, Scripted) else target
    chosen = url if isinstance(url, TargetOptions) else TargetOptions(url, in_flight=in_flight)
    shown = progress or Quiet()
    return generate(GenerateOptions(benchmark, out, chosen, **options), shown.say, shown, opened)


Script = Callable[[dict[str, Any], int], Reply]
