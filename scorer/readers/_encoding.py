"""Text files are UTF-8, with or without a byte order mark; everything else is named and refused."""

from __future__ import annotations

from pathlib import Path

from scorer.errors import InputError

_UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")


def refuse_utf16(path: Path, where: str) -> None:
    """Raise InputError where the file starts as UTF-16 or UTF-32 does: with their byte order mark or a NUL."""
    with path.open("rb") as file:
        start = file.read(2)
    if start in _UTF16_BOMS or b"\0" in start:
        raise InputError(path, f"UTF-16 text in {where}", "UTF-8 text", "save the file as UTF-8")


def not_utf8(path: Path, where: str) -> InputError:
    """The error for bytes that are not UTF-8, with the line or row that holds them."""
    return InputError(path, f"bytes that are not UTF-8 in {where}", "UTF-8 text", "save the file as UTF-8")
