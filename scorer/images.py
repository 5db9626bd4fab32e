"""One image file: decoded in full, refused where it is broken or larger than any benchmark's image, and shown."""

from __future__ import annotations

import base64
import io
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

Fault = Literal["missing", "empty", "outside", "unreadable", "truncated", "oversized"]

MAX_PIXELS = 89_478_485
"""Pillow's own limit, a quarter of a GiB as 24-bit pixels; beyond it Pillow warns, we refuse before decoding."""
_TURNED = 0x0112  # Exif's orientation; 1 is upright
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


def located(root: Path, name: str) -> Path:
    """The file of an image named within a folder. Raises ImageFault where it lies outside or is not there."""
    path = root / name
    try:
        if not path.resolve().is_relative_to(root.resolve()):
            raise ImageFault("outside", "lies outside of the benchmark's folder")
        if not path.is_file():
            raise ImageFault("missing", "no such file")
    except (OSError, ValueError) as error:  # a name too long, or with a NUL
        raise ImageFault("unreadable", f"a path that cannot be read ({error})") from error
    return path


def as_shown(path: Path) -> Image.Image:
    """What a person sees: upright, 24-bit colour, transparency on white. Raises ImageFault.

    Libraries differ in what they make of transparency and of Exif's orientation; after this there is nothing to differ
    about.
    """
    return _flattened(load_image(path))


def data_url(path: Path) -> str:
    """The image as a data URL: the file's own bytes where they hold what `as_shown` gives, else a PNG of that.

    Raises ImageFault.
    """
    image = load_image(path)
    if _is_plain(image):
        kind, data = Image.MIME[image.format or ""], path.read_bytes()
    else:
        buffer = io.BytesIO()
        _flattened(image).save(buffer, format="PNG", compress_level=1)
        kind, data = "image/png", buffer.getvalue()
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"


def _is_plain(image: Image.Image) -> bool:
    """Whether any decoder gives the same pixels."""
    sound = image.format in ("PNG", "JPEG") and image.mode == "RGB" and "transparency" not in image.info
    return sound and image.getexif().get(_TURNED, 1) == 1


def _flattened(image: Image.Image) -> Image.Image:
    upright = ImageOps.exif_transpose(image)
    if not upright.has_transparency_data:
        return upright.convert("RGB")
    layered = upright.convert("RGBA")
    white = Image.new("RGBA", layered.size, "white")
    return Image.alpha_composite(white, layered).convert("RGB")
