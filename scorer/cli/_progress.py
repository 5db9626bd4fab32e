"""What the terminal shows while a run is under way: on stderr, so that stdout holds results alone."""

from __future__ import annotations

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


class _Tokens(TextColumn):
    """Tokens written per second since the bar began."""

    def __init__(self) -> None:
        super().__init__("")

    def render(self, task: Task) -> Text:
        tokens, seconds = task.fields.get("tokens", 0), task.elapsed or 0
        return Text(f"{tokens / seconds:,.0f} tokens/s" if tokens and seconds else "", style="cyan")


class GenerationBar:
    """Lines and one bar with tokens written per second and time left."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Tokens())
        self._bar = Progress(*columns, TimeRemainingColumn(), console=self._console)
        self._task = self._bar.add_task("", visible=False, tokens=0)
        self._tokens = 0

    def say(self, line: str) -> None:
        """Print one line."""
        self._console.print(printable(line), markup=False, soft_wrap=True)

    def start(self, what: str, total: int) -> None:
        """Show a bar for `total` items."""
        self._tokens = 0
        self._bar.reset(self._task, total=total, description=escape(printable(what)), visible=True, tokens=0)
        self._bar.start()

    def advance(self, items: int, tokens: int) -> None:
        """Move the bar."""
        self._tokens += tokens
        self._bar.update(self._task, advance=items, tokens=self._tokens)

    def finish(self) -> None:
        """Take the bar away from the foreground."""
        self._bar.stop()
