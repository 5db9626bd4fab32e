"""README and docs: every command in them exists, every link leads somewhere, generated pages are up to date."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from bench.__main__ import NAMES
from scorer.cli import cli
from scorer.cli._reference import command_reference

ROOT = Path(__file__).resolve().parents[1]
PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted(ROOT.glob("models/*/CARD.md")),
    ROOT / "calibration_data" / "CARD.md",
]


def commands(page: Path) -> list[str]:
    """The `scorer ...` lines of a page's code blocks."""
    blocks = re.findall(r"^```\n(.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.startswith("scorer ")]


@pytest.mark.parametrize("line", commands(ROOT / "README.md"))
def test_readme_commands_parse(line: str) -> None:
    """click accepts the words of every command in README, without running it."""
    words = shlex.split(line, comments=True)[1:]
    command: click.Command = cli
    context = click.Context(cli)
    while isinstance(command, click.Group):
        command = command.get_command(context, words.pop(0)) or pytest.fail(f"no such command: {line}")
    command.make_context("scorer", words, resilient_parsing=False)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), f"{page.name}: {target}"


@pytest.mark.parametrize("target", re.findall(r"^make (\w+)", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE))
def test_make_targets_exist(target: str) -> None:
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)


def test_the_command_reference_is_up_to_date() -> None:
    """Write it again with `make docs`."""
    assert (ROOT / "docs" / "cli.md").read_text("utf-8") == command_reference()


@pytest.mark.parametrize("name", NAMES)
def test_generated_tables_are_there(name: str) -> None:
    """In README or in a card; write them again with `make bench ARGS="--markdown FILE"`."""
    text = "".join(page.read_text("utf-8") for page in PAGES)
    blocks = re.findall(rf"<!-- bench:{name} -->\n(.*?)<!-- /bench:{name} -->", text, re.S)
    assert blocks
    assert all(block.count("|") > 8 for block in blocks)
