"""What the terminal shows while a run is under way: on stderr, so that stdout holds results alone."""

from __future__ import annotations

import time
from collections.abc import Callable

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from scorer.cli._terminal import printable


class _Rate(TextColumn):
    def __init__(self) -> None:
        super().__init__("")

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.0f}/s" if task.speed else "", style="cyan")


class TerminalProgress:
    """Lines and one bar with rate and time left."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            _Rate(),
            TimeRemainingColumn(),
            console=self._console,
        )
        self._task = self._bar.add_task("", visible=False)

    def say(self, line: str) -> None:
        """Print one line."""
        self._console.print(printable(line), markup=False, soft_wrap=True)

    def start(self, what: str, total: int) -> None:
        """Show a bar for `total` steps."""
        self._bar.reset(self._task, total=total, description=what, visible=True)
        self._bar.start()

    def advance(self, count: int) -> None:
        """Move the bar."""
        self._bar.advance(self._task, count)

    def finish(self) -> None:
        """Take the bar away from the foreground."""
        self._bar.stop()


class TokenRate:
    """Tokens written per second, from the first answer on: a server's start comes before."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._began: float | None = None
        self._tokens = 0

    def add(self, tokens: int) -> None:
        """So many more are written; the first answer only starts the clock."""
        if self._began is None:
            self._began = self._now()
        else:
            self._tokens += tokens

    @property
    def value(self) -> float | None:
        """None until two answers are there."""
        seconds = 0.0 if self._began is None else self._now() - self._began
        return self._tokens / seconds if self._tokens and seconds > 0 else None

    def __str__(self) -> str:
        return "" if self.value is None else f"{self.value:,.0f} tokens/s"


class _Tokens(TextColumn):
    """The rate that the task carries."""

    def __init__(self) -> None:
        super().__init__("")

    def render(self, task: Task) -> Text:
        return Text(str(task.fields["rate"]), style="cyan")


class GenerationBar:
    """Lines and one bar with tokens written per second and time left."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Tokens())
        self._bar = Progress(*columns, TimeRemainingColumn(), console=self._console)
        self.rate = TokenRate()
        self._task = self._bar.add_task("", visible=False, rate=self.rate)

    def say(self, line: str) -> None:
        """Print one line."""
        self._console.print(printable(line), markup=False, soft_wrap=True)

    def start(self, what: str, total: int) -> None:
        """Show a bar for `total` items."""
        self.rate = TokenRate()
        self._bar.reset(self._task, total=total, description=escape(printable(what)), visible=True, rate=self.rate)
        self._bar.start()

    def advance(self, items: int, tokens: int) -> None:
        """Move the bar."""
        self.rate.add(tokens)
        self._bar.advance(self._task, items)

    def finish(self) -> None:
        """Take the bar away from the foreground."""
        self._bar.stop()
