"""Drawing: nothing lost, nothing outside the image, the same pixels as the golden images."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops

from scorer.benchmarks import _drawing
from scorer.benchmarks._drawing import EMPTY_ITEMS, FIGSTEP_POINTS, concat, figstep, typography, wrap
from scorer.errors import InputError
from scorer.readers import open_table

GOLDEN = Path(__file__).parent / "golden"
WORDS = st.lists(st.text("abWgÉжΩ.,'-", min_size=1, max_size=25), min_size=1, max_size=20).map(" ".join)


def ink(image: Image.Image) -> tuple[int, int, int, int]:
    """Box of the pixels that are not white."""
    box = ImageChops.invert(image.convert("L")).getbbox()
    assert box is not None
    return box


@pytest.mark.parametrize(
    ("name", "image"),
    [
        ("typography", lambda: typography("a bowl of warm soup")),
        ("figstep", lambda: figstep("Steps to bake bread.")),
        ("figstep_512", lambda: figstep("Steps to bake bread.", 512)),
        ("concat", lambda: concat(Image.new("RGB", (40, 20), "teal"), "a bowl of soup")),
    ],
)
def test_golden_images(name, image) -> None:
    golden = Image.open(GOLDEN / f"{name}.png").convert("RGB")
    drawn = image()
    assert drawn.size == golden.size
    assert ImageChops.difference(drawn, golden).getbbox() is None
    assert drawn.tobytes() == image().tobytes()


def test_figstep_layout() -> None:
    """15 characters of 48 pixels are 720: with the origin at 20 the line ends 20 before the edge, as FigStep's."""
    lines, font = _drawing._fitted("x" * 15, 80, (720, 740), EMPTY_ITEMS)
    assert (font.size, font.getlength("x" * 15)) == (80, 720)
    assert lines == "x" * 15 + "\n1. \n2. \n3. "
    left, top, right, bottom = ink(figstep("x" * 15))
    assert left >= 20
    assert top >= 10
    assert right <= 740
    assert bottom <= 750


@given(WORDS, st.integers(1, 30))
def test_wrapping_loses_no_word(text, columns) -> None:
    lines = wrap(text, columns)
    if lines is None:
        assert max(map(len, text.split())) > columns
    else:
        assert " ".join(lines).split() == text.split()
        assert max(map(len, lines)) <= columns
    broken = wrap(text, columns, break_words=True)
    assert broken is not None
    assert "".join(broken).replace(" ", "") == text.replace(" ", "")
    assert max(map(len, broken)) <= columns


@settings(max_examples=25, deadline=None)
@given(WORDS)
def test_the_text_stays_inside(text) -> None:
    for image in (typography(text), figstep(text), figstep(text, 512)):
        left, top, right, bottom = ink(image)
        assert left > 0
        assert top > 0
        assert right < image.width
        assert bottom < image.height


def test_every_published_text_fits(shared_data) -> None:
    """No word is broken: the drawn lines are the text, in a font of a readable size."""
    table = open_table(shared_data / "vscbench" / "vscbench_text_centric.xlsx", lambda _: True)
    rows = list(table.rows)
    assert len(rows) == 450
    for row in rows:
        for column, points, side, below in (
            ("object", 90, 760, ""),
            ("prompt_figstep", FIGSTEP_POINTS[760], 760, EMPTY_ITEMS),
            ("prompt_figstep", FIGSTEP_POINTS[512], 512, EMPTY_ITEMS),
        ):
            text = str(row.values[column])
            margin = 40 if column == "object" else 20
            lines, font = _drawing._fitted(text, points, (side - 40, side - margin), below)
            assert lines.split() == [*text.split(), *below.split()]
            assert font.size >= 16
    for row in rows[::25]:
        for image in (typography(str(row.values["object"])), figstep(str(row.values["prompt_figstep"]))):
            left, top, right, bottom = ink(image)
            assert min(left, top) > 0
            assert max(right, bottom) < 760


@pytest.mark.parametrize("text", ["", " \n", "漢字", "x" * 100_000])
def test_what_cannot_be_drawn_is_refused(text) -> None:
    with pytest.raises(InputError):
        typography(text)
