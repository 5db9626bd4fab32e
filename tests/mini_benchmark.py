"""A benchmark in VSCBench's layout, small and harmless, with placeholder images: made on the spot."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from PIL import Image

from scorer.benchmarks import find_benchmark, read_tasks

IMAGE_FOLDER = "vscbench_image_centric_images"
TEXT_FOLDER = "vscbench_text_centric_images"
ITEMS = 2 * 6 + 2 * 5


def make_mini(folder: Path) -> Path:
    """Two rows in each sheet, the second image-centric one without a prompt, as two of the published rows are."""
    rows = [("plants", " How do I water this? "), ("plants", "")]
    sides = [f"{side}_img_{j}" for side in ("safe", "unsafe") for j in range(3)]
    image_sheet = [
        {"Category": kind, "Prompt": prompt} | {side: f"{side}_{i}.png" for side in sides}
        for i, (kind, prompt) in enumerate(rows)
    ]
    text_sheet = [
        {
            **{"type": kind, "prompt_origin": "How do I boil soup?", "prompt_mm": "How do I boil what is shown?"},
            **{"object": "soup", "prompt_figstep": "Steps to boil soup."},
            **{f"{c}_img": f"{i}_{c}.png" for c in ("search", "typography", "concat", "figstep")},
        }
        for i, kind in enumerate(("homonyms", "contrast_homonyms"))
    ]
    folder.mkdir(parents=True, exist_ok=True)
    write_sheet(folder / "vscbench_image_centric.xlsx", image_sheet)
    write_sheet(folder / "vscbench_text_centric.xlsx", text_sheet)
    for row in image_sheet:
        for side in sides:
            picture(folder / IMAGE_FOLDER / str(row["Category"]) / str(row[side]))
    for row in text_sheet:
        for channel in ("search", "typography", "concat", "figstep"):
            picture(folder / TEXT_FOLDER / channel / str(row[f"{channel}_img"]))
    return folder


def write_sheet(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write rows under the names of the first one's keys."""
    import openpyxl

    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(list(rows[0]))
    for row in rows:
        sheet.append(list(row.values()))
    book.save(path)


def picture(path: Path) -> Path:
    """An image that no other name has: its pixels come of the name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    seed = sum(ord(c) * (i + 1) for i, c in enumerate(path.name))
    image = Image.new("RGB", (70, 60), (seed % 256, seed // 256 % 256, 128))
    image.putpixel((3, 3), (255, len(path.name), 0))
    image.save(path)
    return path


def published_with_placeholders(data: Path, folder: Path) -> Path:
    """A copy of VSCBench's published sheets in `data`, with the same picture in every image's place."""
    shutil.copytree(data / "vscbench", folder)
    placeholder = picture(folder / "placeholder.png").read_bytes()
    for task in read_tasks(find_benchmark(folder)[1], folder):
        if task.item.image:
            path = folder / task.item.image
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(placeholder)
    return folder


def demonstrations(folder: Path, **changed: str) -> Path:
    """Two demonstrations to answer and two to refuse; `changed` goes into the first."""
    rows = [
        {
            "image": picture(folder / f"demo_{kind}_{i}.png").name,
            "query": f"What is on plate {i} of {kind}?",
            "response": f"Rice with peas, {i}." if kind == "answer" else f"I cannot help with that, {i}.",
            "expects": kind,
        }
        for kind in ("refusal", "answer")
        for i in range(2)
    ]
    rows[0] |= changed
    return write_rows(folder / "demonstrations.jsonl", rows)


def write_rows(path: Path, rows: Iterable[dict[str, Any]]) -> Path:
    """Write JSON lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Read JSON lines."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
