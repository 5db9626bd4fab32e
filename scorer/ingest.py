"""Inputs -> validated parts of responses on disk: nothing is scored before every row has been read and checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import polars as pl

from scorer.assets import file_sha256, text_sha256
from scorer.errors import InputError
from scorer.readers import LabelsOnlyError, Reading, read
from scorer.records import Item, Response
from scorer.run_folder import storage_errors

PART_ROWS = 2000
PART_CHARACTERS = 16_000_000
"""A part is full at whichever comes first, so that memory does not depend on the inputs' size."""

RESPONSE_COLUMNS = (
    *("item_id", "target", "method", "scenario", "channel", "category", "group_id", "expects"),
    *("query", "response", "image"),
)
RESPONSE_SCHEMA = dict.fromkeys(RESPONSE_COLUMNS, pl.String)


@dataclass
class Ingested:
    """What was read: the parts in order, a record per input for the manifest, and notes for the user."""

    parts: list[Path] = field(default_factory=list)
    inputs: list[dict[str, object]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    rows: int = 0
    with_expects: int = 0


def ingest(
    paths: Sequence[Path],
    folder: Path,
    say: Callable[[str], None],
    *,
    format: str = "auto",
    target: str | None = None,
    method: str | None = None,
) -> Ingested:
    """Read all inputs into Parquet parts under `folder`, saying what was detected in one line per input.

    A file that holds labels but no responses is left out, with a note, where other inputs are given beside it. Rows
    that repeat an earlier one exactly are left out and counted. Raises InputError at the first bad row.
    """
    result = Ingested()
    seen = _Seen()
    writer = _PartWriter(folder, result.parts)

    def note(line: str) -> None:
        result.notes.append(line)
        say(line)

    for path in paths:
        try:
            reading = read(path, format=format, target=target, method=method)
        except LabelsOnlyError as error:
            if len(paths) == 1:
                raise
            note(f"{path.name}: left out, for it holds {error.got}.")
            continue
        say(reading.detection)
        rows = repeated = 0
        for response in reading.responses:
            if seen.repeats(response, path):
                repeated += 1
                continue
            rows += 1
            result.with_expects += response.item.expects is not None
            writer.add(response)
        if repeated:
            note(f"{path.name}: {repeated} rows repeat an earlier row exactly and are counted once.")
        result.rows += rows
        result.inputs.append(_input_record(reading, rows))
    writer.flush()
    if not result.rows:
        raise InputError(", ".join(map(str, paths)), "no responses", "at least one", "check the inputs")
    if not result.with_expects:
        note("No row says what is expected (`expects`): there are verdicts, but no SRA can be computed.")
    elif result.with_expects < result.rows:
        unknown = result.rows - result.with_expects
        note(f"{unknown} of {result.rows} rows do not say what is expected (`expects`): they count in no SRA.")
    return result


def _input_record(reading: Reading, rows: int) -> dict[str, object]:
    return {
        "path": str(reading.path),
        "sha256": file_sha256(reading.path),
        "format": reading.format,
        "detection": reading.detection,
        "rows": rows,
    }


def responses_of(part: pl.DataFrame) -> list[Response]:
    """The records of a part's rows."""
    item_fields = ("item_id", "query", "expects", "scenario", "channel", "category", "group_id", "image")
    columns = [part[name].to_list() for name in (*item_fields, "target", "method", "response")]
    return [Response(Item(*row[:8]), *row[8:]) for row in zip(*columns, strict=True)]


class _Seen:
    """Which (item, target, method) came with which row, as short hashes: flat enough for millions of rows."""

    def __init__(self) -> None:
        self._rows: dict[bytes, bytes] = {}

    def repeats(self, response: Response, path: Path) -> bool:
        """True for an exact repetition; InputError where the same key has another row."""
        item = response.item
        facts = (item.expects, item.scenario, item.channel, item.category, item.group_id, item.image)
        key = bytes.fromhex(text_sha256(item.item_id, response.target, response.method))[:12]
        row = bytes.fromhex(text_sha256(item.query, response.text, repr(facts)))[:12]
        if (known := self._rows.setdefault(key, row)) is row:
            return False
        if known == row:
            return True
        raise InputError(
            path,
            f"item_id {item.item_id!r} twice for target {response.target!r} and method {response.method!r} with "
            "different texts, expects or slices",
            "every (item_id, target, method) once",
            "remove one, or tell them apart by item_id, target or method",
        )


class _PartWriter:
    """Collects responses and writes a part whenever enough came together."""

    def __init__(self, folder: Path, parts: list[Path]) -> None:
        self._folder, self._parts = folder, parts
        self._rows: list[dict[str, object]] = []
        self._characters = 0

    def add(self, response: Response) -> None:
        row = asdict(response.item)
        row.update(target=response.target, method=response.method, response=response.text)
        self._rows.append(row)
        self._characters += len(response.text) + len(response.item.query)
        if len(self._rows) >= PART_ROWS or self._characters >= PART_CHARACTERS:
            self.flush()

    def flush(self) -> None:
        """Write what is there."""
        if not self._rows:
            return
        path = self._folder / f"responses-{len(self._parts):06d}.parquet"
        with storage_errors(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            pl.DataFrame(self._rows, schema=RESPONSE_SCHEMA).write_parquet(path)
        self._parts.append(path)
        self._rows, self._characters = [], 0
