"""The one finder of `models/` and `calibration_data/`, in a checkout and in an installed wheel."""

from __future__ import annotations

import hashlib
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_PACKED = _PACKAGE / "_data"


def asset(*parts: str) -> Path:
    """Path of a shipped file or folder, e.g. `asset("models", "refusal-minilm")`.

    A wheel carries both folders under `scorer/_data`; a checkout has them beside the package.
    """
    root = _PACKED if _PACKED.is_dir() else _PACKAGE.parent
    return root.joinpath(*parts)


def file_sha256(path: Path) -> str:
    """Hex SHA-256 of a file's bytes, read in blocks."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def text_sha256(*texts: str) -> str:
    """Hex SHA-256 of several texts, each preceded by its length so that no two lists collide."""
    digest = hashlib.sha256()
    for text in texts:
        data = text.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "big"))
        digest.update(data)
    return digest.hexdigest()
