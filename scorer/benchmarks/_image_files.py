"""One image file: decoded in full, and refused where it is broken or larger than any benchmark's image."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from PIL import Image, ImageFile, UnidentifiedImageError

Fault = Literal["missing", "empty", "outside", "unreadable", "truncated", "oversized"]

MAX_PIXELS = 89_478_485
"""Pillow's own limit, a quarter of a GiB as 24-bit pixels; beyond it Pillow warns, we refuse before decoding."""
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")


class ImageFault(Exception):
    """Why an image cannot be used."""

    def __init__(self, fault: Fault, reason: str) -> None:
        self.fault = fault
        self.reason = reason
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class ImageSize:
    """Width and height in pixels, and the format that the bytes have, whatever the file's name says."""

    width: int
    height: int
    format: str


def load_image(path: Path) -> Image.Image:
    """The first frame, fully decoded. Raises ImageFault."""
    if not path.is_file():
        raise ImageFault("missing", "no such file")
    if path.stat().st_size == 0:
        raise ImageFault("empty", "0 bytes")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(path, formats=FORMATS)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise ImageFault("oversized", f"more than {MAX_PIXELS:,} pixels") from error
    except UnidentifiedImageError as error:
        raise ImageFault("unreadable", f"no image of the kinds {', '.join(FORMATS)}") from error
    except Exception as error:  # decoders meet damage with almost any exception
        raise ImageFault("unreadable", str(error)) from error
    with image:
        if image.width * image.height > MAX_PIXELS:
            raise ImageFault("oversized", f"{image.width} x {image.height}, more than {MAX_PIXELS:,} pixels")
        return _decoded(image)


def _decoded(image: ImageFile.ImageFile) -> Image.Image:
    try:
        image.load()
    except Exception as error:  # as above
        cut = "truncated" in str(error).lower()
        raise ImageFault("truncated" if cut else "unreadable", str(error) or type(error).__name__) from error
    return image


def image_size(path: Path) -> ImageSize:
    """Decode the image and forget its pixels. Raises ImageFault."""
    with load_image(path) as image:
        return ImageSize(image.width, image.height, image.format or "")
