"""Reads an input to its end and counts: rows that a run will score, what is missing, how much text."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Counted:
    """What an input holds; `text_bytes` is the UTF-8 size of its queries and responses, `error` why it was not read."""

    path: Path
    detection: str = ""
    responses: int = 0
    missing: int = 0
    with_expects: int = 0
    text_bytes: int = 0
    error: Exception | None = None


def count(path: Path) -> Counted:
    """Read a file with the reader that fits. No error is raised: it stands in the result."""
    try:
        return _count(path)
    except Exception as error:  # whoever looks at the result says it, and the other inputs are still counted
        return Counted(path, error=error)


def _count(path: Path) -> Counted:
    from scorer.readers import read

    reading = read(path)
    responses = missing = with_expects = text_bytes = 0
    for response in reading.responses:
        responses += 1
        missing += response.missing
        with_expects += response.item.expects is not None
        text_bytes += len(response.text.encode()) + len(response.item.query.encode())
    return Counted(path, reading.detection, responses, missing, with_expects, text_bytes)
