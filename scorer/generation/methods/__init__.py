"""Methods: how an item becomes the conversation that a target answers. One file each, found by listing this folder.

A method's file offers what `Method` describes; its docstring's first line is its summary. Files whose name starts with
`_` are helpers.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from scorer.errors import InputError, RunError
from scorer.generation.demonstrations import Shot
from scorer.generation.messages import Messages
from scorer.generation.prompts import QUERY, Ask, read_text

_FOLDER = Path(__file__).parent


class Method(Protocol):
    """What every method offers. Pure functions: the same item gives the same conversation."""

    WORDING: str
    """Our own words around `{query}`; a user's file may take their place."""
    NEEDED: tuple[str, ...]
    """What a wording must hold."""
    SHOTS: int
    """Demonstrations of each kind, to answer and to refuse, that it needs."""

    def messages(self, ask: Ask, wording: str, shots: Sequence[Shot]) -> Messages:
        """The conversation."""

    def final(self, text: str) -> str | None:
        """The part of an answer that counts; None where it is not marked."""


def method_names() -> list[str]:
    """Names of all methods."""
    return sorted(file.stem for file in _FOLDER.glob("[!_]*.py"))


def method_summary(name: str) -> str:
    """The first line of a method's docstring."""
    source = (_FOLDER / f"{name}.py").read_text(encoding="utf-8")
    return (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]


def find_method(name: str) -> Method:
    """A method by its name. Raises RunError where there is none."""
    if name not in method_names():
        raise RunError(f"got the method {name!r}; expected one of {', '.join(method_names())}.")
    return cast(Method, import_module(f"{__name__}.{name}"))


def wording_of(method: Method, path: Path | None) -> str:
    """The user's wording where there is one, else the method's own. Raises InputError where it lacks what it needs."""
    if path is None:
        return method.WORDING
    wording = read_text(path, "a wording")
    for part in method.NEEDED:
        if part.casefold() not in wording.casefold():
            raise InputError(path, f"a wording without {part}", f"{' and '.join(method.NEEDED)} in it", "add it")
    if wording.count(QUERY) > 1:
        raise InputError(path, f"{QUERY} more than once", "it once", "remove the others")
    return wording
