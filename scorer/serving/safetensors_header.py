"""A safetensors file's header against the file's size: tells a truncated copy without reading the weights.

The format, as its specification gives it: 8 bytes with the header's length (unsigned, little-endian), the header (a
JSON object: tensor name -> dtype, shape, data_offsets [begin, end] counted from the header's end), the data.
"""

from __future__ import annotations

import json
from pathlib import Path

_LENGTH = 8
_LONGEST_HEADER = 100_000_000
"""Bytes; the format's own limit."""
_POINTER = b"version https://git-lfs"


def tensor_names(path: Path) -> frozenset[str]:
    """Names of the tensors. Raises ValueError, with what is wrong in words, where header and size do not agree."""
    actual = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(len(_POINTER))
        if start == _POINTER:
            raise ValueError("is a Git LFS pointer and not the weights")
        length = int.from_bytes(start[:_LENGTH], "little")
        if actual < _LENGTH or length > min(_LONGEST_HEADER, actual - _LENGTH):
            raise ValueError(f"has {actual:,} bytes and no whole safetensors header")
        file.seek(_LENGTH)
        header = file.read(length)
    try:
        tensors = json.loads(header)
        names = frozenset(tensors) - {"__metadata__"}
        stated = _LENGTH + length + max((int(tensors[name]["data_offsets"][1]) for name in names), default=0)
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise ValueError("has a damaged safetensors header") from error
    if stated != actual:
        raise ValueError(f"has {actual:,} bytes where its header says {stated:,}")
    return names
