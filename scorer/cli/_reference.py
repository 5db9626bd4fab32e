"""docs/cli.md, made from the commands themselves: `python -m scorer.cli._reference` prints it."""

from __future__ import annotations

from collections.abc import Iterator

import click

from scorer.cli import cli

_WIDTH = 100


def command_reference() -> str:
    """The help page of every command, as Markdown."""
    pages = [f"## {name}\n\n```\n{text}\n```\n" for name, text in _pages("scorer", cli)]
    return "# Commands\n\nGenerated from the commands: `make docs`.\n\n" + "\n".join(pages)


def _pages(name: str, command: click.Command) -> Iterator[tuple[str, str]]:
    context = click.Context(command, info_name=name, terminal_width=_WIDTH, max_content_width=_WIDTH)
    yield name, command.get_help(context)
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            found = command.get_command(context, child)
            if found is not None:
                yield from _pages(f"{name} {child}", found)


if __name__ == "__main__":
    print(command_reference(), end="")
