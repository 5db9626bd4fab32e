"""VSCBench as published: a folder with its two sheets, and its two folders of images beside them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from scorer.errors import InputError
from scorer.readers import Table, open_table, required_text
from scorer.readers.vscbench_results import CHANNELS, image_item, text_items
from scorer.readers.vscbench_results import recognises as is_sheet
from scorer.records import Task

IMAGE_SHEET = "vscbench_image_centric.xlsx"
TEXT_SHEET = "vscbench_text_centric.xlsx"
EXPECTED = f"a folder with {IMAGE_SHEET} and {TEXT_SHEET}"
IMAGES_PER_SIDE = 3
PICTURED = ("search", "typography", "concat")
"""Channels in which the image shows what the query is about, and `prompt_mm` refers to it."""


def recognises(source: Path) -> bool:
    """True for a folder that holds one of the sheets, or both."""
    return any(file.is_file() for file in files(source))


def files(source: Path) -> tuple[Path, ...]:
    """Both sheets."""
    return source / IMAGE_SHEET, source / TEXT_SHEET


def images(source: Path) -> Path:
    """The image folders lie beside the sheets."""
    return source


def tasks(source: Path) -> Iterator[Task]:
    """Image-centric: 6 items a row; text-centric: 5 a row, the channel `text` first. Ids are those of the results.

    The query is the published `Prompt` or `prompt_origin`, which responses are judged against. With the images of
    search, typography and concat goes `prompt_mm`.
    """
    image_sheet, text_sheet = files(source)
    if image_sheet.is_file():
        yield from _image_tasks(image_sheet)
    if text_sheet.is_file():
        table = open_table(text_sheet, is_sheet, "VSCBench's text-centric prompts")
        channels = list(CHANNELS.values())
        images = (f"{c}_img" for c in channels if c != "text")
        _need(table.path, table.columns, ("type", "prompt_origin", "prompt_mm", *images))
        yield from _text_tasks(table, channels)


def _image_tasks(sheet: Path) -> Iterator[Task]:
    table = open_table(sheet, is_sheet, "VSCBench's image-centric prompts")
    sides = [(side, j) for side in ("safe", "unsafe") for j in range(IMAGES_PER_SIDE)]
    _need(table.path, table.columns, ("Category", "Prompt", *(f"{side}_img_{j}" for side, j in sides)))
    for row in table.rows:
        for side, j in sides:
            yield Task(image_item(table, row, side, j))


def _text_tasks(table: Table, channels: list[str]) -> Iterator[Task]:
    for row, item in text_items(table, channels):
        pictured = item.channel in PICTURED
        yield Task(item, required_text(table, row, "prompt_mm").strip() if pictured else None)


def _need(path: Path, columns: tuple[str, ...], needed: tuple[str, ...]) -> None:
    absent = [name for name in needed if name not in columns]
    if absent:
        got = f"no column {', '.join(absent)}"
        raise InputError(path, got, f"the columns {', '.join(needed)}", "use the published sheet")
