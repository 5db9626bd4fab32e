"""The identity of a model folder: one hash over every file that can change what a server answers."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

from scorer.assets import file_sha256, text_sha256
from scorer.cache import default_cache_folder
from scorer.errors import ServerError, StorageError
from scorer.run_folder import write_text
from scorer.serving.model_folder import (
    CONFIG,
    INDEX,
    SPECIAL_TOKENS_MAP,
    TEMPLATES,
    TOKENIZER_CONFIG,
    TOKENIZERS,
    check_model_folder,
)

_SETTINGS = (
    CONFIG,
    "generation_config.json",
    "hf_quant_config.json",
    "preprocessor_config.json",
    "processor_config.json",
    TOKENIZER_CONFIG,
    SPECIAL_TOKENS_MAP,
    "added_tokens.json",
    *(name for names in TOKENIZERS for name in names),
    *TEMPLATES,
    INDEX,
)
_HEX = re.compile("[0-9a-f]{64}")


def model_sha256(folder: Path, cache: Path | None = None) -> str:
    """Hex SHA-256 over names and contents of configuration, tokenizer, template and weight files.

    A file's hash is remembered in `cache` (the user's cache folder where None), by its path, size and times of change,
    so that gigabytes are read once. Raises ServerError where the folder is no complete model.
    """
    shards = check_model_folder(folder).shards
    settings = [folder / name for name in _SETTINGS if (folder / name).is_file()]
    known = (cache or default_cache_folder()) / "model-hashes"
    parts: list[str] = []
    for path in sorted({*settings, *shards}):
        parts += [path.name, _remembered(path, known)]
    return text_sha256(*parts)


def _remembered(path: Path, known: Path) -> str:
    """A file's hash, from the note about it where there is one. Each note is a file: two processes lose none."""
    try:
        note = known / _identity(path)
        with suppress(OSError, UnicodeDecodeError):
            noted = note.read_text(encoding="utf-8").strip()
            if _HEX.fullmatch(noted):
                return noted
        digest = file_sha256(path)
    except OSError as error:
        raise ServerError(f"{path}: cannot be read ({error.strerror}); mend its rights or copy it again.") from error
    if note.name == _identity(path):  # nobody wrote to the file while it was read
        with suppress(OSError, StorageError):  # a cache that cannot be written only costs time
            known.mkdir(parents=True, exist_ok=True)
            write_text(note, digest + "\n")
    return digest


def _identity(path: Path) -> str:
    stat = path.stat()
    return text_sha256(os.path.realpath(path), str(stat.st_size), str(stat.st_mtime_ns), str(stat.st_ctime_ns))
