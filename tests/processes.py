"""What runs on this machine, read from /proc, for tests that nothing is left behind."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

HANGING = 300
"""Seconds after which a condition counts as never coming; no test asserts how fast anything is."""


class Process(NamedTuple):
    """A process; its start, in clock ticks since boot, tells it from a later one of the same number."""

    pid: int
    started: str
    parent: int
    session: int
    name: str


def everyone() -> list[Process]:
    """All processes, those that are dead but not buried too."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            head, _, tail = path.read_text(encoding="utf-8", errors="replace").rpartition(")")
            # proc(5): pid (name) state ppid pgrp session ...; the start is field 22, the 20th after the name
            fields = tail.split()
            if fields[0] == "X":  # being buried: its session is gone already and reads 0
                continue
            found.append(
                Process(int(path.parent.name), fields[19], int(fields[1]), int(fields[3]), head.partition("(")[2])
            )
    return found


def below(pid: int) -> set[Process]:
    """The processes that descend from `pid`."""
    table = everyone()
    found: set[Process] = set()
    parents = {pid}
    while parents:
        more = {p for p in table if p.parent in parents} - found
        found |= more
        parents = {p.pid for p in more}
    return found


def left(some: set[Process]) -> set[Process]:
    """Those that still run, and whatever runs in their sessions."""
    known = {(p.pid, p.started) for p in some}
    sessions = {p.session for p in some} - {p.session for p in everyone() if p.pid == 1}
    return {p for p in everyone() if (p.pid, p.started) in known or p.session in sessions}


def until(condition: Callable[[], object]) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + HANGING
    while not condition():
        assert time.monotonic() < deadline, "the condition never came"
        time.sleep(0.01)


def listening(some: set[Process]) -> set[str]:
    """The addresses, as the kernel writes them in hexadecimal, at which TCP sockets of these processes listen."""
    inodes = set()
    for process in some:
        for link in Path(f"/proc/{process.pid}/fd").glob("*"):
            with suppress(OSError):
                inodes.add(str(link.readlink()).removeprefix("socket:[").removesuffix("]"))
    rows = [
        line.split() for table in ("tcp", "tcp6") for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
    ]
    # local address in field 1, state in field 3 (0A is LISTEN), inode in field 9
    return {row[1].partition(":")[0] for row in rows if row[3] == "0A" and row[9] in inodes}
