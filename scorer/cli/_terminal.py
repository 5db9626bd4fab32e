"""What everything that prints names or tables needs: a console that fits, and names that no terminal obeys."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console  # rich takes longer to import than `--help` may

_PIPED_WIDTH = 240
"""Into a file or a pipe tables are as wide as they need to be."""


def stdout_console() -> Console:
    """The console of stdout: as wide as the terminal, or wide enough for any table where there is none."""
    from rich.console import Console

    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=_PIPED_WIDTH)


def printable(text: str) -> str:
    """A name from a file, without anything that a terminal would obey."""
    return "".join(c if c.isprintable() else "\ufffd" for c in text)
