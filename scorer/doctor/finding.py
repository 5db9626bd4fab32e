"""What a check says: one finding, in one printable line, and what to do where it fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from scorer.errors import ScorerError

Status = Literal["ok", "warn", "FAIL"]


@dataclass(frozen=True, slots=True)
class Finding:
    """`FAIL` means that a run will not work; `warn` that it works, but maybe not as wished. `fix` is empty where ok."""

    check: str
    status: Status
    finding: str
    fix: str = ""


def ok(check: str, finding: str) -> Finding:
    """All is there."""
    return Finding(check, "ok", _line(finding))


def warn(check: str, finding: str, fix: str) -> Finding:
    """A run works, with a limit that the user should know."""
    return Finding(check, "warn", _line(finding), _line(fix))


def fail(check: str, finding: str, fix: str) -> Finding:
    """Something is missing."""
    return Finding(check, "FAIL", _line(finding), _line(fix))


def from_error(check: str, error: ScorerError) -> Finding:
    """The sentence that a run would stop with: what stands after its last semicolon is what to do."""
    found, _, fix = str(error).rpartition("; ")
    return fail(check, found or str(error), fix or "do as the line above says.")


def guarded(check: str, examine: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """What `examine` yields; where it stops with an error, that is a finding too and never a traceback."""
    try:
        yield from examine()
    except ScorerError as error:
        yield from_error(check, error)
    except ImportError as error:
        yield fail(
            check, f"not checked, for a package cannot be imported ({error})", "install it anew, then ask again."
        )
    except Exception as error:
        said = f"not checked, for the check itself stopped ({type(error).__name__}: {error})"
        yield fail(check, said, "mend what the error names; if it names nothing of yours, report this line as a fault.")


def size(count: float) -> str:
    """Bytes for a person, in binary units: 15.2 GiB."""
    for unit in ("bytes", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"


def _line(text: str) -> str:
    """One line without control characters: names of files and words of other programs may hold any."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
