"""What `main` makes of paths that the system does not even look at."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LONG = "z" * 300
"""Longer than a name may be on any file system here."""


@pytest.mark.parametrize(
    "arguments",
    [
        ("benchmark", "check", LONG),
        ("generate", LONG, "--target", "model", "--out", "r.jsonl"),
        ("generate", "b.csv", "--target", LONG, "--out", "r.jsonl"),
        ("generate", "b.csv", "--target", "model", "--out", f"{LONG}.jsonl"),
    ],
)
def test_a_name_too_long_is_one_sentence(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    (tmp_path / "b.csv").write_text("query,image,expects,category\nHi,,answer,c\n", encoding="utf-8")
    command = [sys.executable, str(ROOT / "cli.py"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("scorer: ")
    assert done.stderr.count("\n") == 1
    assert "cannot be reached (File name too long)" in done.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["b.csv"]
