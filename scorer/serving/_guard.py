"""Runs a command and ends it, with all it started, as soon as the scorer is gone. Standard library and Linux only.

`python _guard.py COMMAND...` in a session of its own, with the read end of a pipe from the scorer as standard input.
However the scorer ends, by SIGKILL too, the system closes the pipe; the guard then sends SIGTERM to all processes below
it, and SIGKILL to those left after `GRACE_SECONDS`. It does the same when the command's own process ends: vLLM's
engine goes on for ever when its API server is killed. The guard is in no terminal's foreground group, so Ctrl-C reaches
the scorer alone, which closes the pipe. It exits with the command's code, 128 + n where signal n ended it.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

GRACE_SECONDS = 20.0
"""For an orderly end; vLLM takes 1 to 5 s where the processors are idle."""
_TRACKER_SECONDS = 3.0
_PAUSE_SECONDS = 0.05
_PROC = Path("/proc")
_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
_TRACKER = b"multiprocessing.resource_tracker"


class _Command:
    """The command's own process, and how it ended."""

    def __init__(self, arguments: list[str]) -> None:
        null = (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)
        self._pid = os.posix_spawn(arguments[0], arguments, os.environ, file_actions=[null])
        self.code: int | None = None

    def reap(self) -> None:
        """Bury whoever died: the command, and orphans that came to this process."""
        with suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                if pid == self._pid:
                    self.code = os.waitstatus_to_exitcode(status)


def main(arguments: list[str]) -> int:
    """Run the command until it ends or standard input closes; its exit code."""
    _adopt_orphans()
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    ended: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: ended.append(number))
    try:
        command = _Command(arguments)
    except OSError as error:
        print(f"{arguments[0]}: cannot be started ({error.strerror})", flush=True)
        return 127
    reason = ""
    while not reason:
        ready, _, _ = select.select([0, woken], [], [])
        if woken in ready:
            os.read(woken, 1024)
        command.reap()
        if command.code is not None:
            reason = f"the server's process ended with code {command.code}"
        elif ended:
            reason = f"got signal {ended[0]}"
        elif 0 in ready and not os.read(0, 1024):
            reason = "the scorer closed the server or is gone"
    print(f"guard: {reason}; ending what is left", flush=True)
    _end_all(command)
    code = command.code if command.code is not None else -signal.SIGKILL
    return code if code >= 0 else 128 - code


def _adopt_orphans() -> None:
    """Have the system hand grandchildren whose parent died to this process, so that they can be found."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _end_all(command: _Command) -> None:
    """End every process below this one, politely, then by force."""
    for pid in _below():
        _send(pid, signal.SIGTERM)
    if _gone_within(GRACE_SECONDS, command):
        return
    for pid in _below():
        if not _is_tracker(pid):
            _send(pid, signal.SIGKILL)
    # Python's resource tracker ends by itself once the others are dead, and frees their shared memory before it does
    if _gone_within(_TRACKER_SECONDS, command):
        return
    while pids := _below():
        for pid in pids:
            _send(pid, signal.SIGKILL)
        command.reap()
        time.sleep(_PAUSE_SECONDS)


def _gone_within(seconds: float, command: _Command) -> bool:
    deadline = time.monotonic() + seconds
    while True:
        command.reap()
        if not _below():
            return True
        if time.monotonic() > deadline:
            return False
        time.sleep(_PAUSE_SECONDS)


def _below() -> list[int]:
    """Processes that descend from this one, or are in its group; dead ones count until they are buried."""
    rows = _process_table()
    own = os.getpid()
    found = {own} | {pid for pid, _, group in rows if group == own}
    while more := {pid for pid, parent, _ in rows if parent in found} - found:
        found |= more
    return sorted(found - {own})


def _process_table() -> list[tuple[int, int, int]]:
    """(process, parent, group) of every process."""
    rows = []
    for path in _PROC.glob("[0-9]*/stat"):
        with suppress(OSError):
            text = path.read_text(encoding="utf-8", errors="replace")
            # proc(5): pid (name) state ppid pgrp ...; the name may hold blanks and brackets
            _, parent, group = text.rpartition(")")[2].split()[:3]
            rows.append((int(path.parent.name), int(parent), int(group)))
    return rows


def _is_tracker(pid: int) -> bool:
    with suppress(OSError):
        return _TRACKER in (_PROC / str(pid) / "cmdline").read_bytes()
    return False


def _send(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
