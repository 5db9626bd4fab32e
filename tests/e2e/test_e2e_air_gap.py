"""No network: the same result without any interface, and no socket opened while there is one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from command_line import LAUNCHER, OUTPUTS, TIMEOUT, needs_namespace, same_verdicts, verdicts

EXACT = ("--device", "cpu", "--dtype", "float32", "--no-cache")

WATCHED = """
import os, runpy, sys
def watch(event, arguments):
    if event.startswith("socket.") and event not in ("socket.gethostname", "socket.__new__"):
        os.write(2, f"NETWORK {event} {arguments}\\n".encode())
        os._exit(97)
sys.addaudithook(watch)
sys.argv = sys.argv[1:]
"""
RUN = 'runpy.run_path(sys.argv[0], run_name="__main__")'


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=TIMEOUT)
    assert done.returncode == 0, done.stderr


def test_the_watch_sees_a_connection() -> None:
    """Otherwise the test below could not fail."""
    program = WATCHED + "import socket; socket.create_connection(('127.0.0.1', 9))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, encoding="utf-8")
    assert done.returncode == 97
    assert "NETWORK socket." in done.stderr


def test_scoring_opens_no_connection_and_needs_no_interface(few: Path, tmp_path: Path) -> None:
    watched, alone = tmp_path / "watched", tmp_path / "alone"
    _run(sys.executable, "-c", WATCHED + RUN, LAUNCHER[1], "score", str(few), "--out", str(watched), *EXACT)
    assert {p.name for p in watched.iterdir()} == OUTPUTS
    needs_namespace("-n")
    _run("unshare", "-rn", *LAUNCHER, "score", str(few), "--out", str(alone), *EXACT)
    same_verdicts(verdicts(alone), verdicts(watched))
    assert (alone / "responses.parquet").read_bytes() == (watched / "responses.parquet").read_bytes()
