"""Demonstrations for methods with shots: read from a table of the user's, and refused where they give items away."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from scorer.assets import text_sha256
from scorer.errors import InputError
from scorer.images import FORMATS, ImageFault, as_shown, located
from scorer.readers import Row, Table, label, open_table, required_label, required_text, text
from scorer.records import EXPECTS

NEEDED = ("image", "query", "response", "expects")


@dataclass(frozen=True, slots=True)
class Shot:
    """A query, its image where it has one, and a good answer."""

    query: str
    response: str
    image: Path | None = None


def read_shots(path: Path, shots: int) -> tuple[Shot, ...]:
    """The first `shots` demonstrations to answer and as many to refuse, in turn: one to answer, one to refuse.

    Image paths start from the table's folder. Raises InputError where the table lacks columns or demonstrations, or an
    image cannot be used.
    """
    table = open_table(path, lambda columns: columns.issuperset(NEEDED), "demonstrations")
    if absent := [name for name in NEEDED if name not in table.columns]:
        raise InputError(path, f"no column {', '.join(absent)}", f"the columns {', '.join(NEEDED)}", "add it")
    found: dict[str, list[Shot]] = {kind: [] for kind in EXPECTS}
    for row in table.rows:
        kind = required_label(table, row, "expects")
        if kind not in found:
            raise InputError(path, f"{kind!r} in the column 'expects', {row.where}", " or ".join(EXPECTS))
        if len(found[kind]) < shots:
            found[kind].append(_shot(table, row))
    for kind, some in found.items():
        if len(some) < shots:
            got = f"{len(some)} demonstrations with expects={kind}"
            raise InputError(path, got, f"{shots} for this method", "add rows, or choose a method with fewer shots")
    return tuple(shot for pair in zip(*found.values(), strict=True) for shot in pair)


def digest(shots: Sequence[Shot]) -> str:
    """SHA-256 over all that a target sees of demonstrations."""
    return text_sha256(*(part for s in shots for part in (s.query, s.response, _pixels(s.image) if s.image else "")))


class Leaks:
    """Knows demonstrations again among the items: by the words of the query, or by the pixels of the image."""

    def __init__(self, path: Path, shots: Iterable[Shot]) -> None:
        self._path = path
        shots = tuple(shots)
        self._words = {_normal(s.query) for s in shots if s.query.strip()}
        self._pixels = {_pixels(s.image) for s in shots if s.image}
        self._sizes = {_size(s.image) for s in shots if s.image}

    def refuse(self, item_id: str, texts: Iterable[str], image: Path | None) -> None:
        """Raise InputError where one of an item's texts, or its image, is a demonstration's."""
        what = "query" if any(_normal(t) in self._words for t in texts) else ""
        if not what and image is not None and _size(image) in self._sizes and self._shows(image):
            what = "image"
        if what:
            raise InputError(
                self._path,
                f"a demonstration with the {what} of the item {item_id}",
                "demonstrations that stand nowhere among the items that are scored",
                "take others",
            )

    def _shows(self, image: Path) -> bool:
        try:
            return _pixels(image) in self._pixels
        except ImageFault:
            return False  # the item fails for that reason when it is asked


def _shot(table: Table, row: Row) -> Shot:
    name = label(table, row, "image")
    query = text(table, row, "query") or "" if name else required_text(table, row, "query")
    response = required_text(table, row, "response")
    if name is None:
        return Shot(query, response)
    try:
        path = located(table.path.parent, name)
        as_shown(path)
    except ImageFault as fault:
        got = f"the image {name!r} in {row.where}: {fault.reason}"
        raise InputError(table.path, got, "an image beside the table", "mend it") from fault
    return Shot(query, response, path)


def _normal(query: str) -> str:
    return " ".join(query.casefold().split())


def _size(path: Path) -> tuple[int, int] | None:
    """Width and height, from the file's head alone."""
    try:
        with Image.open(path, formats=FORMATS) as image:
            return image.size
    except Exception:  # decoders meet damage with almost any exception; a broken image is no demonstration's
        return None


def _pixels(path: Path) -> str:
    image = as_shown(path)
    return hashlib.sha256(repr(image.size).encode() + image.tobytes()).hexdigest()
