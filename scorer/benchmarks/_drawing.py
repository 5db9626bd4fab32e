"""Text as an image, always whole: the font shrinks until it fits. The same text gives the same pixels.

The font is Fira Mono Bold from the package pymupdf-fonts: free, bold, monospaced, 0.6 em wide as the FreeMono Bold of
FigStep (Gong et al. 2023), so that the published layout holds 15 characters a line. It has Latin, Greek and Cyrillic.
"""

from __future__ import annotations

import io
from functools import cache

import pymupdf_fonts
from PIL import Image, ImageDraw, ImageFont, ImageOps

from scorer.errors import InputError

SIDE = 760
TYPOGRAPHY_POINTS = 90
FIGSTEP_POINTS = {760: 80, 512: 20}
"""Side of the FigStep image in pixels and its largest font: FigStep's own, and the published benchmark's variant."""
ORIGIN = (20, 10)
SPACING = 11
EMPTY_ITEMS = "1. \n2. \n3. "
STRIP = 190
"""Height in pixels of the typography below a photograph."""
_MARGIN = 20
_SMALLEST = 8  # points; smaller nobody reads

_MISSING = "\U0010ffff"  # never a character


def typography(text: str, width: int = SIDE, height: int = SIDE) -> Image.Image:
    """The text in the middle of a white image. Raises InputError where it cannot be drawn."""
    image = _white(width, height)
    lines, font = _fitted(text, TYPOGRAPHY_POINTS, (width - 2 * _MARGIN, height - 2 * _MARGIN))
    draw = ImageDraw.Draw(image)
    left, top, right, bottom = draw.multiline_textbbox((0, 0), lines, font=font, spacing=SPACING, align="center")
    place = (round((width - left - right) / 2), round((height - top - bottom) / 2))
    draw.multiline_text(place, lines, fill="black", font=font, spacing=SPACING, align="center")
    return image


def figstep(text: str, side: int = SIDE) -> Image.Image:
    """The text and three empty items in FigStep's layout. Raises InputError where it cannot be drawn."""
    image = _white(side, side)
    box = (side - 2 * ORIGIN[0], side - 2 * ORIGIN[1])
    lines, font = _fitted(text, FIGSTEP_POINTS[side], box, below=EMPTY_ITEMS)
    ImageDraw.Draw(image).multiline_text(ORIGIN, lines, fill="black", font=font, spacing=SPACING)
    return image


def concat(photograph: Image.Image, text: str) -> Image.Image:
    """The photograph, fitted into 760 x 760 on white, above the text. Raises InputError where it cannot be drawn."""
    upright = ImageOps.exif_transpose(photograph).convert("RGBA")
    fitted = ImageOps.contain(upright, (SIDE, SIDE), Image.Resampling.LANCZOS)
    image = _white(SIDE, fitted.height + STRIP)
    image.paste(fitted, ((SIDE - fitted.width) // 2, 0), fitted)
    image.paste(typography(text, SIDE, STRIP), (0, fitted.height))
    return image


def wrap(text: str, columns: int, *, break_words: bool = False) -> list[str] | None:
    """Lines of at most `columns` characters, every word in its place; None where a word is longer than a line."""
    lines = [""]
    for word in text.split():
        pieces = [word[i : i + columns] for i in range(0, len(word), columns)] if break_words else [word]
        for piece in pieces:
            if len(piece) > columns:
                return None
            joined = f"{lines[-1]} {piece}".lstrip()
            if len(joined) <= columns and (piece is pieces[0]):
                lines[-1] = joined
            else:
                lines.append(piece)
    return [line for line in lines if line]


def _fitted(text: str, points: int, box: tuple[int, int], below: str = "") -> tuple[str, ImageFont.FreeTypeFont]:
    """Wrapped lines and the largest font in which they fit; words are broken only where the smallest does not help."""
    _check_characters(text)
    for break_words in (False, True):
        for size in range(points, _SMALLEST - 1, -1):
            character, line, last = _metrics(size)
            lines = wrap(text, int(box[0] / character), break_words=break_words)
            if lines is None:
                continue
            whole = "\n".join([*lines, below] if below else lines)
            if whole.count("\n") * line + last <= box[1]:
                return whole, _font(size)
    raise InputError("text", f"{len(text):,} characters", "what can be read in an image", "shorten the text")


def _check_characters(text: str) -> None:
    strange = sorted(c for c in set(text) if not c.isspace() and not _has(c))
    if strange or not text.strip():
        got = f"characters that the font lacks ({''.join(strange[:10])!a})" if strange else "no text"
        raise InputError("text", got, "text in Latin, Greek or Cyrillic letters", "provide this image yourself")


@cache
def _has(character: str) -> bool:
    font = _font(_SMALLEST * 4)
    return bytes(font.getmask(character)) != bytes(font.getmask(_MISSING))


@cache
def _metrics(points: int) -> tuple[float, float, float]:
    """In pixels: a character's width, from line to line as Pillow draws them, and the last line with its descenders."""
    font = _font(points)
    return font.getlength("0"), font.getbbox("A")[3] + SPACING, sum(font.getmetrics())


@cache
def _font(points: int) -> ImageFont.FreeTypeFont:
    data = io.BytesIO(pymupdf_fonts.myfont("fimbo"))
    return ImageFont.truetype(data, points, layout_engine=ImageFont.Layout.BASIC)  # raqm differs between machines


def _white(width: int, height: int) -> Image.Image:
    return Image.new("RGB", (width, height), "white")
