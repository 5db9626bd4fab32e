"""Room on disk, and the right to write, where a run writes: its own folder, the verdict cache, temporary files."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from scorer.doctor.finding import Finding, fail, ok, size
from scorer.doctor.plan import Plan

_BASE = 16 * 2**20
"""Bytes for what does not grow with the rows: tables of scores, the report's page, an empty cache."""
_TEXT_COPIES = 3
"""A run holds its texts in parts, in responses.parquet and in the report."""
_PER_VERDICT = 1024
"""Bytes for probabilities and the sentence that decided; measured: 70 to 300."""
_TEMPORARY = 256 * 2**20
"""Bytes for what a model server may put there: a margin, not a measurement."""


def out_folder(plan: Plan) -> Iterator[Finding]:
    """The run's folder."""
    if plan.out is not None:
        text = sum(counted.text_bytes for counted in plan.counted)
        yield _room("out", plan.out, _BASE + _TEXT_COPIES * text + _verdicts(plan), "choose another --out.")


def cache_folder(plan: Plan) -> Iterator[Finding]:
    """The verdict cache."""
    from scorer.cache import default_cache_folder

    fix = "choose another with --cache DIR, or score with --no-cache."
    yield _room("cache", plan.cache or default_cache_folder(), _BASE + _verdicts(plan), fix)


def temporary_folder(plan: Plan) -> Iterator[Finding]:
    """Where temporary files go."""
    try:
        folder = Path(tempfile.gettempdir())
    except FileNotFoundError as error:
        yield fail("temp", str(error), "set TMPDIR to a folder with room.")
        return
    yield _room("temp", folder, _TEMPORARY if plan.starts_server else _BASE, "set TMPDIR to another.")


def _verdicts(plan: Plan) -> int:
    return _PER_VERDICT * len(plan.judges) * sum(counted.responses for counted in plan.counted)


def _room(check: str, folder: Path, needed: int, otherwise: str) -> Finding:
    """Try to write where the folder is or would be made; nothing stays behind."""
    place = next(p for p in (folder.absolute(), *folder.absolute().parents) if os.path.lexists(p))
    if not place.is_dir():
        return fail(check, f"{folder}: {place} is no folder", otherwise)
    try:
        with tempfile.TemporaryFile(dir=place) as probe:
            probe.write(bytes(4096))
            probe.flush()
    except OSError as error:
        return fail(
            check, f"{folder}: cannot be written ({error.strerror})", f"mend the folder's rights, or {otherwise}"
        )
    free = shutil.disk_usage(place).free
    said = f"{folder}: {size(free)} free, about {size(needed)} needed"
    return ok(check, f"{said}, writable") if needed <= free else fail(check, said, f"free the disk, or {otherwise}")
