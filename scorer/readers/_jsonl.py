"""JSON Lines: one object per line, read line by line."""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from scorer.errors import InputError
from scorer.readers._encoding import not_utf8, refuse_utf16
from scorer.readers._table import shown

_PEEK = 100  # lines that are asked for their keys: writers that drop null values leave keys out of some lines

Located = tuple[str, dict[str, object]]


class _DuplicateKeyError(ValueError):
    """An object that holds a key twice; which value counts is anyone's guess."""


def open_rows(path: Path, wanted: Callable[[frozenset[str]], bool]) -> tuple[list[str], Iterator[Located], str]:
    """Columns (keys of the first 100 lines), stream of ("line N", values), and no note."""
    refuse_utf16(path, "line 1")
    columns: dict[str, None] = {}
    for _, values in islice(_rows(path), _PEEK):
        columns.update(dict.fromkeys(values))
    return list(columns), _rows(path), ""


def _rows(path: Path) -> Iterator[Located]:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if number == 1:
                line = line.removeprefix(codecs.BOM_UTF8)
            if line.strip():
                where = f"line {number}"
                yield where, _object(path, where, line)


def _object(path: Path, where: str, line: bytes) -> dict[str, object]:
    expected = "one JSON object per line"
    try:
        value = json.loads(line.decode("utf-8"), object_pairs_hook=_unique)
    except UnicodeDecodeError as error:
        raise not_utf8(path, where) from error
    except json.JSONDecodeError as error:
        got = f"broken JSON in {where} ({error.msg}, character {error.colno})"
        raise InputError(path, got, expected, f"mend or remove {where}") from error
    except _DuplicateKeyError as error:
        raise InputError(path, f"the key {error} twice in {where}", "every key once", f"mend {where}") from error
    except (ValueError, RecursionError) as error:  # numbers of thousands of digits, thousands of nested lists
        got = f"JSON that cannot be read in {where} ({error})"
        raise InputError(path, got, expected, f"mend or remove {where}") from error
    if not isinstance(value, dict):
        got = f"JSON that is no object in {where}"
        raise InputError(path, got, expected, 'write lines such as {"query": "...", "response": "..."}')
    return value


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    values = {key.strip(): value for key, value in pairs}
    if len(values) < len(pairs):
        keys = [key.strip() for key, _ in pairs]
        raise _DuplicateKeyError(shown(next(key for key in keys if keys.count(key) > 1)))
    return values
