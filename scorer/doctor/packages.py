"""Python and the packages that the program needs, as its own metadata states them."""

from __future__ import annotations

import importlib.metadata
import platform
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scorer.assets import asset
from scorer.doctor.finding import Finding, fail, ok
from scorer.doctor.plan import Plan

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet

_NAME = "scorer"


@dataclass(frozen=True)
class Needs:
    """Versions as PEP 440 and PEP 508 write them."""

    python: str
    packages: tuple[str, ...]


def stated_needs() -> Needs:
    """What pyproject.toml states: the file itself in a checkout, its copy in the metadata where a wheel is installed.

    In a checkout the metadata would tell of the day of the installation, not of the code that lies here now.
    """
    try:
        project = tomllib.loads(asset("pyproject.toml").read_text(encoding="utf-8"))["project"]
        return Needs(project["requires-python"], tuple(project["dependencies"]))
    except FileNotFoundError:
        metadata = importlib.metadata.metadata(_NAME)
        return Needs(metadata["Requires-Python"], tuple(importlib.metadata.requires(_NAME) or ()))


def python_version(_plan: Plan) -> Iterator[Finding]:
    """The interpreter is new enough."""
    from packaging.specifiers import SpecifierSet

    needed, here = stated_needs().python, platform.python_version()
    if SpecifierSet(needed).contains(here, prereleases=True):
        yield ok("python", f"{here} ({sys.executable})")
    else:
        yield fail(
            "python", f"got {here}; expected {needed}", "install with a newer one: make PYTHON=/path/to/python3."
        )


def packages(_plan: Plan) -> Iterator[Finding]:
    """Every package is installed in a version that fits; they are not imported, which would take many seconds."""
    from packaging.requirements import Requirement

    needed = [Requirement(text) for text in stated_needs().packages]
    needed = [r for r in needed if r.marker is None or r.marker.evaluate({"extra": ""})]
    installed = {r.name: _installed(r.name) for r in needed}
    wrong = [r for r in needed if not _fits(r.specifier, installed[r.name])]
    for requirement in wrong:
        found = installed[requirement.name]
        got = f"got version {found}" if found else "not installed"
        yield fail(
            "packages",
            f"{requirement.name}: {got}; expected {requirement.specifier or 'any version'}",
            f"{sys.executable} -m pip install '{requirement}'",
        )
    if not wrong:
        yield ok("packages", f"all {len(needed)} installed and in range")


def _fits(wanted: SpecifierSet, version: str | None) -> bool:
    return version is not None and wanted.contains(version, prereleases=True)


def _installed(name: str) -> str | None:
    """The version, None where there is none or its metadata is broken."""
    try:
        return importlib.metadata.version(name)
    except (importlib.metadata.PackageNotFoundError, KeyError):
        return None
