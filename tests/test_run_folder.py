"""The run folder: one writer at a time, files that appear whole or not at all, and nobody else's files touched."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from scorer.errors import RunError, StorageError
from scorer.run_folder import (
    MANIFEST,
    OUTPUTS,
    RunFolder,
    load_run,
    storage_errors,
    write_json,
    write_parts,
    write_text,
    write_whole,
)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path / "run")


def test_a_folder_in_which_nothing_began_is_gone_again(folder: RunFolder) -> None:
    with folder.claimed():
        assert folder.path.is_dir()
        folder.work.mkdir()
        (folder.work / "part").touch()
    assert not folder.path.exists()


def test_nothing_is_tidied_where_something_else_lies(folder: RunFolder) -> None:
    folder.path.mkdir()
    (folder / "notes.txt").touch()
    with pytest.raises(ValueError, match="oops"), folder.claimed():
        raise ValueError("oops")
    assert (folder / "notes.txt").exists()


@pytest.mark.parametrize("name", OUTPUTS)
def test_a_run_that_began_is_kept_with_its_work(folder: RunFolder, name: str) -> None:
    with folder.claimed():
        (folder / name).touch()
        folder.work.mkdir()
        (folder.work / "part").touch()
    assert (folder / name).exists()
    assert (folder.work / "part").exists()


def test_the_same_folder_cannot_be_claimed_twice(folder: RunFolder) -> None:
    with folder.claimed():
        folder.work.mkdir()
        (folder.work / "part").touch()
        with pytest.raises(RunError, match="another run is writing here"), RunFolder(folder.path).claimed():
            pytest.fail("claimed twice")
        assert (folder.work / "part").exists()  # the refused one tidies nothing away
    with folder.claimed():
        assert folder.path.is_dir()


CLAIM = """
import sys
from pathlib import Path
from scorer.run_folder import RunFolder
with RunFolder(Path(sys.argv[1])).claimed():
    print("claimed", flush=True)
    sys.stdin.read()
"""


def test_another_process_is_refused_and_a_killed_one_leaves_no_lock(folder: RunFolder) -> None:
    other = subprocess.Popen([sys.executable, "-c", CLAIM, str(folder.path)], stdin=-1, stdout=-1, text=True)
    assert other.stdout
    assert other.stdout.readline() == "claimed\n"
    with pytest.raises(RunError, match="wait for it or choose another --out"), folder.claimed():
        pytest.fail("claimed twice")
    other.kill()
    other.communicate()
    with folder.claimed():
        assert folder.foreign() == []


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="got a file"), RunFolder(tmp_path / "file").claimed():
        pytest.fail("claimed a file")
    with pytest.raises(StorageError, match="cannot be written"), RunFolder(tmp_path / "file" / "run").claimed():
        pytest.fail("claimed below a file")


def test_what_a_killed_run_left_half_written_is_removed_and_nothing_else(folder: RunFolder) -> None:
    folder.path.mkdir()
    for name in (".manifest.json.12", ".report.html.12.tmp", ".bashrc", "manifest.json.bak"):
        (folder / name).touch()
    with folder.claimed():
        assert folder.foreign() == [".bashrc", "manifest.json.bak"]
    assert {p.name for p in folder.path.iterdir()} == {".bashrc", "manifest.json.bak"}


def test_clearing_the_outputs_touches_nothing_else(folder: RunFolder) -> None:
    folder.work.mkdir(parents=True)
    for name in (*OUTPUTS, "notes.txt"):
        (folder / name).touch()
    folder.clear_outputs()
    assert {p.name for p in folder.path.iterdir()} == {"notes.txt", ".work"}


@pytest.mark.parametrize("content", ["{", "[1]", "\xff"])
def test_a_broken_manifest_is_one_sentence(folder: RunFolder, content: str) -> None:
    folder.path.mkdir()
    (folder / MANIFEST).write_text(content, encoding="latin-1")
    with pytest.raises(RunError, match="--force"):
        folder.manifest()


def test_load_run_takes_complete_runs_alone(folder: RunFolder) -> None:
    with pytest.raises(RunError, match="without manifest"):
        load_run(folder.path)
    folder.path.mkdir()
    write_json(folder / MANIFEST, {"state": "running"})
    with pytest.raises(RunError, match="not complete"):
        load_run(folder.path)
    write_json(folder / MANIFEST, {"state": "complete", "rows": 1})
    assert load_run(folder.path) == {"state": "complete", "rows": 1}


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_text(path, "old")

    def fail(temporary: Path) -> None:
        temporary.write_text("half", encoding="utf-8")
        assert path.read_text(encoding="utf-8") == "old"
        raise OSError(28, "No space left on device")

    with pytest.raises(StorageError, match=r"file: cannot be written \(No space left on device\)"):
        write_whole(path, fail)
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]
    write_text(path, "new")
    assert path.read_text(encoding="utf-8") == "new"


def test_json_is_readable_and_never_holds_what_is_no_json(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    write_json(path, {"name": "naïve", "value": None})
    assert json.loads(path.read_text(encoding="utf-8")) == {"name": "naïve", "value": None}
    assert "naïve" in path.read_text(encoding="utf-8")
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, float("nan"))
    assert json.loads(path.read_text(encoding="utf-8"))["name"] == "naïve"


def test_parts_are_joined_in_order(tmp_path: Path) -> None:
    parts = []
    for number in range(12):
        parts.append(tmp_path / f"part-{number}.parquet")
        pl.DataFrame({"n": range(number * 1000, (number + 1) * 1000), "none": [None] * 1000}).write_parquet(parts[-1])
    write_parts(tmp_path / "whole.parquet", parts)
    assert pl.read_parquet(tmp_path / "whole.parquet")["n"].to_list() == list(range(12_000))


def test_other_errors_pass(tmp_path: Path) -> None:
    with pytest.raises(KeyError), storage_errors(tmp_path):
        raise KeyError("x")
    with pytest.raises(StorageError, match=f"{tmp_path}: cannot be written"), storage_errors(tmp_path):
        (tmp_path / "nowhere").rmdir()
