"""The guard with real process trees: whoever dies first, and however, nobody is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from processes import below, left, until

ROOT = Path(__file__).resolve().parents[2]
GUARD = ROOT / "scorer" / "serving" / "_guard.py"
SHELL = "/bin/sh"
STUBBORN = 'import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); open("ready", "w"); time.sleep(1000)'
FAMILY = f"""
{sys.executable} -c '{STUBBORN}' &
setsid sh -c 'sleep 1000 & sleep 1000' &
(sleep 1000 &)
wait
"""
"""A child that ignores SIGTERM, two in a session of their own, and an orphan."""
IMPATIENT = """
import sys
from scorer.serving import _guard
_guard.GRACE_SECONDS = 0.3
sys.exit(_guard.main(sys.argv[1:]))
"""
FAMILY_SIZE = 6
"""The shell, the stubborn child, the session's shell and its two sleepers, and the orphan."""


@contextmanager
def guard(folder: Path, *command: str) -> Iterator[subprocess.Popen[bytes]]:
    command = (sys.executable, "-c", IMPATIENT, *command)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=log, cwd=folder, env=environment, start_new_session=True
        ) as started,
    ):
        try:
            yield started
        finally:
            started.kill()


@pytest.mark.parametrize(("script", "code"), [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 128 + 9)])
def test_it_ends_with_the_code_of_its_command(script: str, code: int) -> None:
    command = [sys.executable, "-I", "-S", str(GUARD), SHELL, "-c", script]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as started:
        assert started.wait() == code


def test_a_command_that_cannot_start_is_named() -> None:
    done = subprocess.run([sys.executable, str(GUARD), "/no/such/python"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (127, "/no/such/python: cannot be started (No such file or directory)\n")


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        ("the pipe closes", "the scorer closed the server or is gone"),
        ("the command is killed", "the server's process ended with code -9"),
        ("the guard is asked to end", "got signal 15"),
    ],
)
def test_the_whole_family_ends_and_the_log_says_why(end: str, reason: str, tmp_path: Path) -> None:
    with guard(tmp_path, SHELL, "-c", FAMILY) as started:
        until(lambda: (tmp_path / "ready").exists() and len(below(started.pid)) == FAMILY_SIZE)
        family = below(started.pid)
        assert len({p.session for p in family}) == 2, "one part is in a session of its own"
        if end == "the pipe closes":
            assert started.stdin is not None
            started.stdin.close()
        elif end == "the command is killed":
            os.kill(next(p.pid for p in family if p.parent == started.pid and p.name == "sh"), signal.SIGKILL)
        else:
            started.terminate()
        started.wait()
        assert not left(family)
        assert (tmp_path / "log").read_text("utf-8") == f"guard: {reason}; ending what is left\n"


def test_it_ends_with_a_scorer_that_is_killed(tmp_path: Path) -> None:
    scorer = f"""
import subprocess, time
subprocess.Popen({[sys.executable, str(GUARD), SHELL, "-c", "sleep 1000 & wait"]}, stdin=subprocess.PIPE,
                 start_new_session=True)
time.sleep(1000)
"""
    with subprocess.Popen([sys.executable, "-c", scorer]) as parent:
        until(lambda: len(below(parent.pid)) == 3)
        family = below(parent.pid)
        parent.kill()
    until(lambda: not left(family))
