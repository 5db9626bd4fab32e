"""Images of items for a judge that sees them: read from the user's folder, sent as data URLs."""

from __future__ import annotations

import base64
import mimetypes
from pathlib import Path

from scorer.assets import file_sha256
from scorer.errors import InputError
from scorer.records import Item


def image_path(images: Path | None, item: Item) -> Path | None:
    """The item's image; None where none goes along. Raises InputError where it is missing or outside the folder."""
    if images is None or item.image is None:
        return None
    path = images / item.image
    if not path.resolve().is_relative_to(images.resolve()):
        raise InputError(images, f"the image {item.image!r} outside of it", "images within --judge-images")
    if not path.is_file():
        raise InputError(path, "no image", f"the image of item {item.item_id}", "complete the folder of --judge-images")
    return path


def image_digest(images: Path | None, item: Item) -> str:
    """SHA-256 of the image that goes along, "" for none."""
    path = image_path(images, item)
    return "" if path is None else file_sha256(path)


def content(head: str, text: str, images: Path | None, item: Item) -> str | list[dict[str, object]]:
    """The content of the message: text alone, or the prompt's fixed head, the image, and the rest of the text."""
    path = image_path(images, item)
    if path is None:
        return text
    kind = mimetypes.guess_type(path.name)[0] or "image/png"
    url = f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"
    return [
        {"type": "text", "text": head},
        {"type": "image_url", "image_url": {"url": url}},
        {"type": "text", "text": text.removeprefix(head).lstrip("\n")},
    ]
