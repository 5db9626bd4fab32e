"""One table of a TOML config: typed access to its keys, and a clear sentence for each key that is not known."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from scorer.errors import InputError


class Section:
    """A table under its name, "" for the whole file. It notes which keys were asked for; `close` refuses others."""

    def __init__(self, file: Path, name: str, values: Mapping[str, Any]) -> None:
        self._file = file
        self._name = name
        self._values = values
        self._asked: dict[str, None] = {}

    def names(self) -> list[str]:
        """The keys that are there."""
        return list(self._values)

    def close(self) -> None:
        """Raise InputError for a key that nobody asked for, with the nearest of those that somebody did."""
        for key in self._values:
            if key not in self._asked:
                near = difflib.get_close_matches(key, self._asked, n=1, cutoff=0)[0]
                raise InputError(self._file, f"the unknown key {self._shown(key)}", f"a known one, nearest {near}")

    def known(self, key: str, value: str, names: Iterable[str]) -> None:
        """Raise InputError unless `value` is one of the names."""
        names = list(names)
        if value not in names:
            near = difflib.get_close_matches(value, names, n=1, cutoff=0)[0]
            raise self.wrong(key, repr(value), f"one of {', '.join(names)}", f"nearest is {near}")

    def wrong(self, key: str, got: str, expected: str, fix: str = "") -> InputError:
        """The error for a value that cannot be used."""
        return InputError(self._file, f"{got} for {self._shown(key)}", expected, fix)

    def lacks(self, key: str, what: str) -> InputError:
        """The error for a key that must be there, though it may be there misspelt."""
        meant = difflib.get_close_matches(key.strip("[]"), self._values.keys() - self._asked.keys(), n=1)
        return InputError(self._file, f"no {self._shown(key)}", what, f"correct {meant[0]}" if meant else "add it")

    def text(self, key: str) -> str | None:
        """A text that is not blank; None where the key is absent."""
        value: str | None = self._take(key, str, "a text")
        if value is not None and not value.strip():
            raise self.wrong(key, "a blank text", "a text")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts, empty where the key is absent."""
        value = self._take(key, list, "a list of texts")
        if value and not all(isinstance(one, str) and one.strip() for one in value):
            raise self.wrong(key, repr(value), "a list of texts")
        return tuple(value or ())

    def number(self, key: str, default: int, least: int = 1) -> int:
        """A whole number of at least `least`."""
        value = self._take(key, int, "a whole number")
        if isinstance(value, bool) or (value is not None and value < least):
            raise self.wrong(key, str(value).lower(), f"a whole number of at least {least}")
        return default if value is None else int(value)

    def flag(self, key: str) -> bool:
        """True or false, false where the key is absent."""
        return bool(self._take(key, bool, "true or false"))

    def choice(self, key: str, names: Iterable[str], default: str) -> str:
        """One of several words."""
        value = self.text(key) or default
        self.known(key, value, names)
        return value

    def path(self, key: str, *, there: bool = True) -> Path | None:
        """A path, from the config's folder on; None where the key is absent. It must exist unless `there` is false."""
        value = self.text(key)
        return None if value is None else self._located(key, value, there=there)

    def paths(self, key: str) -> tuple[Path, ...]:
        """A list of paths that exist."""
        return tuple(self._located(key, value, there=True) for value in self.texts(key))

    def section(self, key: str) -> Section:
        """A table within, empty where it is absent."""
        return Section(self._file, key, self._take(key, dict, f"a table: [{key}]") or {})

    def sections(self, key: str) -> list[Section]:
        """The tables of [[key]]."""
        found = self._take(key, list, f"tables: [[{key}]]") or []
        if not all(isinstance(values, dict) for values in found):
            raise self.wrong(key, repr(found), f"tables: [[{key}]]")
        return [Section(self._file, key, values) for values in found]

    def _take(self, key: str, kind: type, expected: str) -> Any:
        self._asked[key] = None
        value = self._values.get(key)
        if value is not None and not isinstance(value, kind):
            raise self.wrong(key, repr(value), expected)
        return value

    def _located(self, key: str, value: str, *, there: bool) -> Path:
        try:
            # not `resolve`: a link's own name may be a target's
            path = Path(os.path.normpath(self._file.absolute().parent / Path(value).expanduser()))
            found = path.exists()
        except (OSError, RuntimeError) as error:  # a name too long, the home of a user who is not known here
            reason = getattr(error, "strerror", None) or str(error).rstrip(".")
            raise self.wrong(key, f"{value[:60]!r}, which is no path here ({reason}),", "a path") from error
        if "\0" in value:
            raise self.wrong(key, f"{value[:60]!r}, which is no path here (a NUL in it),", "a path")
        if there and not found:
            raise self.wrong(key, f"{path}, which is not there,", "a path that exists, from the config's folder on")
        return path

    def _shown(self, key: str) -> str:
        return f"`{key}`" + (f" in [{self._name}]" if self._name else "")
