"""The folder that a report goes to with its numbers: `scorer agree` and `scorer compare` write one each."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from scorer.errors import RunError
from scorer.report.page import write_atomically
from scorer.run_folder import storage_errors, write_text


def refuse_other_files(
    out: Path, names: Collection[str], numbers: str, identity: dict[str, Any], other: str, *, force: bool
) -> None:
    """A folder with the same report is written again; anything else there is replaced only where the user says so.

    `names` are the report's files, `numbers` the JSON one, which holds an `identity`; `other` is what a report with
    another identity is called. Raises RunError, with `force` only where `out` is no folder.
    """
    if out.exists() and not out.is_dir():
        raise RunError(f"{out}: got a file; expected a folder or a new name; choose another --out.")
    if force or not out.is_dir():
        return
    if foreign := sorted(p.name for p in out.iterdir() if p.name not in names):
        raise RunError(
            f"{out}: got a folder with other files ({', '.join(foreign[:3])}); expected an empty or new one; choose "
            "another --out, or --force to write beside them."
        )
    if any((out / name).exists() for name in names) and _earlier_identity(out / numbers) != identity:
        raise RunError(f"{out}: holds {other}; choose another --out, or --force to replace it.")


def _earlier_identity(path: Path) -> Any:
    try:
        loaded = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return loaded.get("identity") if isinstance(loaded, dict) else None


def write_report(out: Path, texts: Mapping[str, str], page: tuple[str, str]) -> None:
    """Make the folder; write `texts` (content by file name), then the page (name, content), each whole.

    Raises StorageError where the folder cannot be written.
    """
    with storage_errors(out):
        out.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        write_text(out / name, text)
    write_atomically(out / page[0], page[1])
