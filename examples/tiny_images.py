"""The images of the tiny benchmark: drawn with Pillow, as its table's column `shows` says."""

from __future__ import annotations

import json
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

SIDE = 336
_COLOURS = ("#f6d8c9", "#d3e6f5", "#dcefd5", "#efe3f7", "#fbf0c4", "#d9ecea")
_BOX = (88, 40, 248, 200)


def draw_images(table: Path) -> int:
    """Draw the image of every row into the place that the table names; how many there are."""
    rows = [json.loads(line) for line in table.read_text(encoding="utf-8").splitlines()]
    for number, row in enumerate(rows):
        path = table.parent / row["image"]
        path.parent.mkdir(parents=True, exist_ok=True)
        _image(number, row["shows"]).save(path)
    return len(rows)


def _image(number: int, shows: str) -> Image.Image:
    """A shape on a coloured ground, and below it in words what it stands for."""
    image = Image.new("RGB", (SIDE, SIDE), _COLOURS[number % len(_COLOURS)])
    draw = ImageDraw.Draw(image)
    (draw.ellipse, draw.rectangle)[number % 2](_BOX, fill="white", outline="#333333", width=5)
    words = shows.split()
    half = (len(words) + 1) // 2
    lines = "\n".join((" ".join(words[:half]), " ".join(words[half:])))
    font = ImageFont.load_default(size=26)
    draw.multiline_text((SIDE / 2, 265), lines, fill="#222222", font=font, anchor="mm", align="center")
    return image
