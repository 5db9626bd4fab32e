"""What a server prints: a file, of which the part since the last start counts."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path
from typing import BinaryIO

_READ_BYTES = 1_000_000
"""vLLM prints some 30 kB while it starts; more is not looked through."""
_ERROR = re.compile(
    r"(?:^|\s)((?:\w+\.)*\w*(?:Error|Exception): (?:\d+ validation errors? for \w+\s+)?\S.*)", re.MULTILINE
)
_REMARK = re.compile(r"^.*\b(?:INFO|WARNING|DEBUG)\b.*$", re.MULTILINE)


class ServerLog:
    """The log at `path`, or in a temporary file where None."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._start = 0

    def open(self) -> BinaryIO:
        """Open for a new start; what stands there already stays."""
        if self.path is None:
            handle, name = tempfile.mkstemp(prefix="scorer-vllm-", suffix=".log")
            self.path = Path(name)
            return os.fdopen(handle, "ab")
        log = self.path.open("ab")
        self._start = log.tell()
        return log

    def tail(self, lines: int) -> str:
        """The last lines since the last start; empty where there was none yet."""
        return "\n".join(self._text(from_end=True).splitlines()[-lines:])

    def first_error(self) -> str | None:
        """The first exception since the last start: in vLLM's log it is the cause, the later ones follow from it."""
        match = _ERROR.search(_REMARK.sub("", self._text(from_end=False)))
        return " ".join(match[1].split()) if match else None

    def _text(self, *, from_end: bool) -> str:
        if self.path is None or not self.path.exists():
            return ""
        with self.path.open("rb") as handle:
            handle.seek(max(self._start, self.path.stat().st_size - _READ_BYTES) if from_end else self._start)
            return handle.read(_READ_BYTES).decode("utf-8", "replace")
