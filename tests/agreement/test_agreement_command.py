"""`scorer agree` as a user meets it: what it prints, and what it refuses in one sentence."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from agreement_runs import COMPLIES, REFUSES, labels, sound_run, write_run

from scorer.cli import main
from scorer.references import save_references

Agree = Callable[..., tuple[int, str, str]]


@pytest.fixture
def agree(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Agree:
    """Runs the command: (exit code, stdout, stderr)."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["scorer", "agree", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        out, err = capsys.readouterr()
        return int(end.value.code or 0), out, err

    return run


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    return write_run(tmp_path / "run", sound_run(80)[0])


@pytest.fixture
def good() -> pl.DataFrame:
    run, truth = sound_run(80)
    return labels(run, truth)


def saved(path: Path, references: pl.DataFrame) -> Path:
    save_references(path, references)
    return path


def refused(result: tuple[int, str, str], out: Path) -> str:
    """The one sentence of a refusal that left nothing behind."""
    code, stdout, err = result
    assert code == 2
    assert stdout == ""
    assert err.count("\n") == 1
    assert not out.exists()
    return err


def test_it_prints_the_table_and_writes_both_files(
    agree: Agree, run_folder: Path, good: pl.DataFrame, tmp_path: Path
) -> None:
    ben = labels(*sound_run(80), "ben")
    files = [saved(tmp_path / f"{i}.parquet", frame) for i, frame in enumerate((good, ben))]
    out = tmp_path / "deep" / "out"
    arguments = [run_folder, "--reference", files[0], "--reference", files[1], "--out", out]
    code, stdout, _ = agree(*arguments)
    assert code == 0
    assert {p.name for p in out.iterdir()} == {"agreement.json", "agreement.html"}
    for words in (
        "sure",
        "words",
        "anna",
        "ben",
        "Gwet's AC1",
        "all classes*",
        "reference health: nothing found wrong",
    ):
        assert words in stdout
    before = (out / "agreement.html").stat().st_mtime_ns
    assert agree(*arguments)[0] == 0  # the same report may be written again
    assert (out / "agreement.html").stat().st_mtime_ns > before
    code, _, err = agree(*arguments, "--seed", 1)
    assert code == 2
    assert "another seed" in err
    assert agree(*arguments, "--seed", 1, "--force")[0] == 0


def test_warnings_are_printed(agree: Agree, run_folder: Path, good: pl.DataFrame, tmp_path: Path) -> None:
    file = saved(tmp_path / "r.parquet", pl.concat([good, good[:2]]))
    code, stdout, _ = agree(run_folder, "--reference", file, "--out", tmp_path / "out")
    assert code == 0
    assert "duplicates (anna): 2 responses labelled more than once" in " ".join(stdout.split())


def test_other_files_in_the_folder_are_left_alone(
    agree: Agree, run_folder: Path, good: pl.DataFrame, tmp_path: Path
) -> None:
    file, out = saved(tmp_path / "r.parquet", good), tmp_path / "out"
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    code, _, err = agree(run_folder, "--reference", file, "--out", out)
    assert code == 2
    assert "other files (notes.txt)" in err
    assert [p.name for p in out.iterdir()] == ["notes.txt"]
    assert agree(run_folder, "--reference", file, "--out", out, "--force")[0] == 0
    assert (out / "notes.txt").read_text() == "mine"
    code, _, err = agree(run_folder, "--reference", file, "--out", out / "notes.txt", "--force")
    assert code == 2
    assert "got a file" in err


def test_bad_labels_are_refused(agree: Agree, run_folder: Path, good: pl.DataFrame, tmp_path: Path) -> None:
    out = tmp_path / "out"
    unread = good.with_columns(status=pl.lit("unparsed"), label=pl.lit(None, pl.String))
    bad = {
        "the classes 9_maybe": good.with_columns(label=pl.lit("9_maybe")),
        "labels under the rubric vscbench": good.with_columns(rubric=pl.lit("vscbench")),
        "labels of no response in the run (such as item x-item-0, target alpha)": good.with_columns(
            item_id=pl.format("x-{}", "item_id")
        ),
        f"nothing but {COMPLIES} in all 80 labels": good.with_columns(label=pl.lit(COMPLIES)),
        f"nothing but {REFUSES} in all 1 labels": good.with_columns(label=pl.lit(REFUSES))[:1],
        "80 labels of which none is a class": unread,
    }
    for words, frame in bad.items():
        file = saved(tmp_path / "r.parquet", frame)
        assert words in refused(agree(run_folder, "--reference", file, "--out", out), out)


def test_what_is_no_run_or_no_reference_is_refused(
    agree: Agree, run_folder: Path, good: pl.DataFrame, tmp_path: Path
) -> None:
    out, file = tmp_path / "out", saved(tmp_path / "r.parquet", good)
    assert "without manifest.json" in refused(agree(tmp_path, "--reference", file, "--out", out), out)
    assert "no such file" in refused(agree(run_folder, "--reference", tmp_path / "no.parquet", "--out", out), out)
    (run_folder / "verdicts.parquet").write_bytes(b"PAR1 no")
    assert "not a whole Parquet file" in refused(agree(run_folder, "--reference", file, "--out", out), out)
    (run_folder / "verdicts.parquet").unlink()
    assert "cannot be read" in refused(agree(run_folder, "--reference", file, "--out", out), out)


def test_verdicts_of_other_responses_are_refused(
    agree: Agree, run_folder: Path, good: pl.DataFrame, tmp_path: Path
) -> None:
    out, file = tmp_path / "out", saved(tmp_path / "r.parquet", good)
    responses = pl.read_parquet(run_folder / "responses.parquet")
    responses.reverse().write_parquet(run_folder / "responses.parquet")
    assert "belong to other responses" in refused(agree(run_folder, "--reference", file, "--out", out), out)


def test_names_from_files_obey_no_terminal(agree: Agree, run_folder: Path, good: pl.DataFrame, tmp_path: Path) -> None:
    file = saved(tmp_path / "r.parquet", good.with_columns(annotator=pl.lit("a\x1b[31m[red]b")))
    code, stdout, _ = agree(run_folder, "--reference", file, "--out", tmp_path / "out")
    assert code == 0
    assert "\x1b" not in stdout
    assert "[red]b" in "".join(stdout.split()).replace("│", "")
