"""What may lie in --out before a run, and what a full disk or a folder without rights does to it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from command_line import KEYWORDS, LAUNCHER, OUTPUTS, TIMEOUT, hashes, manifest, needs_mount, run, succeed, write_jsonl

ROWS = [
    {"query": f"Question {i}?", "response": "I cannot." if i % 3 else f"Sure, {i}.", "expects": "answer"}
    for i in range(40)
]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return write_jsonl(tmp_path / "table.jsonl", ROWS)


@pytest.fixture(scope="module")
def complete(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("complete")
    succeed("score", write_jsonl(folder / "table.jsonl", ROWS), "--out", folder / "out", *KEYWORDS)
    return folder / "out"


@pytest.fixture
def out(complete: Path, tmp_path: Path) -> Path:
    """A complete run over the table: a copy, for a folder may be moved."""
    shutil.copytree(complete, tmp_path / "out")
    return tmp_path / "out"


def test_a_folder_is_made_with_its_parents(table: Path, tmp_path: Path) -> None:
    out = tmp_path / "a" / "b" / "c"
    succeed("score", table, "--out", out, *KEYWORDS)
    assert {p.name for p in out.iterdir()} == OUTPUTS


def test_a_file_for_a_folder_is_refused_and_stays(table: Path, tmp_path: Path) -> None:
    done = run("score", table, "--out", table, *KEYWORDS)
    assert done.code == 2
    assert f"{table}: got a file; expected a folder" in done.sentence
    below = run("score", table, "--out", table / "below", *KEYWORDS)
    assert below.code == 2
    assert str(table / "below") in below.sentence
    assert len(table.read_text(encoding="utf-8").splitlines()) == len(ROWS)


def test_the_same_command_again_is_no_other_run(table: Path, out: Path) -> None:
    before = hashes(out)
    done = succeed("score", table, "--out", out, *KEYWORDS)
    assert "report" in done.out
    after = hashes(out)
    changed = {name for name in before if before[name] != after[name]}
    assert changed <= {"manifest.json", "report.html"}  # they say when and how long
    assert manifest(out)["judged"] == {"keyword-vscbench": 0}
    assert manifest(out)["from_cache"] == {"keyword-vscbench": 40}


def test_the_order_of_the_options_and_the_path_of_an_input_make_no_other_run(table: Path, out: Path) -> None:
    elsewhere = table.parent / "elsewhere"
    elsewhere.mkdir()
    moved = table.rename(elsewhere / table.name)
    succeed("score", *KEYWORDS, "--seed", 0, moved, "--out", out)


OTHER = {
    "another judge": ("--judge", "keyword-xstest"),
    "one judge more": (*KEYWORDS, "--judge", "keyword-xstest"),
    "another rubric": (*KEYWORDS, "--rubric", "xstest"),
    "another seed": (*KEYWORDS, "--seed", "1"),
    "another target": (*KEYWORDS, "--target", "other"),
}


def test_a_run_with_other_options_is_refused_and_stays(table: Path, out: Path) -> None:
    """One after the other: side by side they would meet each other in the folder."""
    before = hashes(out)
    for kind, options in OTHER.items():
        done = run("score", table, "--out", out, *options)
        assert done.code == 2, kind
        assert f"{out}: holds a run with other" in done.sentence
        assert "--force" in done.sentence
        assert hashes(out) == before, kind


def test_a_run_with_other_inputs_is_refused_and_replaced_with_force(table: Path, out: Path) -> None:
    before = hashes(out)
    write_jsonl(table, ROWS[:10])
    done = run("score", table, "--out", out, *KEYWORDS)
    assert done.code == 2
    assert "other inputs" in done.sentence
    assert hashes(out) == before
    succeed("score", table, "--out", out, *KEYWORDS, "--force")
    assert len(pl.read_parquet(out / "verdicts.parquet")) == 10
    assert manifest(out)["rows"] == 10
    assert {p.name for p in out.iterdir()} == OUTPUTS


def test_a_folder_with_other_files_is_refused_and_force_writes_beside_them(table: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.tex").write_text("years of work", encoding="utf-8")
    done = run("score", table, "--out", out, *KEYWORDS)
    assert done.code == 2
    assert "thesis.tex" in done.sentence
    assert [p.name for p in out.iterdir()] == ["thesis.tex"]
    succeed("score", table, "--out", out, *KEYWORDS, "--force")
    succeed("score", table, "--out", out, *KEYWORDS, "--force", "--seed", 1)
    assert {p.name for p in out.iterdir()} == {*OUTPUTS, "thesis.tex"}
    assert (out / "thesis.tex").read_text(encoding="utf-8") == "years of work"


def test_a_file_of_the_users_with_the_name_of_an_output_is_not_written_over(table: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "scores.csv").write_text("years of work", encoding="utf-8")
    done = run("score", table, "--out", out, *KEYWORDS)
    assert done.code == 2
    assert "other files (scores.csv)" in done.sentence
    assert {p.name: p.read_text(encoding="utf-8") for p in out.iterdir()} == {"scores.csv": "years of work"}


@pytest.mark.parametrize("force", [(), ("--force",)])
def test_an_input_is_never_written_over(force: tuple[str, ...], table: Path, out: Path) -> None:
    """The responses of a run, scored into its very folder; and a table of one's own that is called the same."""
    before = hashes(out)
    done = run("score", out / ".." / out.name / "responses.parquet", "--out", out, *KEYWORDS, *force)
    assert done.code == 2
    assert "would write over" in done.sentence
    assert hashes(out) == before
    (table.parent / "mine").mkdir()
    mine = table.parent / "mine" / "responses.parquet"
    pl.DataFrame(ROWS).with_columns(notes=pl.lit("years of work")).write_parquet(mine)
    assert run("score", mine, "--out", mine.parent, *KEYWORDS, *force).code == 2
    assert "notes" in pl.read_parquet(mine).columns


def test_a_replaced_run_stays_until_the_new_one_is_judged(table: Path, out: Path) -> None:
    before = hashes(out)
    done = run("score", table, "--out", out, "--judge", "keyword-xstest", "--force", "--cache", table)
    assert done.code == 2
    assert "--no-cache" in done.sentence
    assert hashes(out).items() >= before.items()
    succeed("score", table, "--out", out, "--judge", "keyword-xstest", "--force", "--no-cache")
    assert list(manifest(out)["counts"]) == ["keyword-xstest"]


@pytest.mark.parametrize("content", ["{", "[]"])
def test_a_broken_manifest_is_refused_and_replaced_with_force(content: str, table: Path, out: Path) -> None:
    (out / "manifest.json").write_text(content, encoding="utf-8")
    done = run("score", table, "--out", out, *KEYWORDS)
    assert done.code == 2
    assert "manifest.json" in done.sentence
    assert "--force" in done.sentence
    succeed("score", table, "--out", out, *KEYWORDS, "--force")
    assert manifest(out)["state"] == "complete"


def test_a_cache_that_cannot_be_used_is_one_sentence(table: Path, tmp_path: Path) -> None:
    done = run("score", table, "--out", tmp_path / "out", *KEYWORDS, "--cache", table)
    assert done.code == 2
    assert "--no-cache" in done.sentence
    broken = tmp_path / "cache"
    broken.mkdir()
    (broken / "verdicts.sqlite").write_bytes(b"no database at all, " * 1000)
    done = run("score", table, "--out", tmp_path / "out", *KEYWORDS, "--cache", broken)
    assert done.code == 2
    assert str(broken / "verdicts.sqlite") in done.sentence
    succeed("score", table, "--out", tmp_path / "out", *KEYWORDS, "--no-cache")


DISK = """
set -e
mount -t tmpfs -o size=1500k none disk
mount -t tmpfs -o size=700k none small-disk
cd disk
intact() { sha256sum --check --quiet ../before || echo CHANGED; }
try() {
    echo "== $1"; shift
    code=0; "$PYTHON" "$CLI" score "$@" --judge keyword-vscbench >/dev/null 2>../err || code=$?
    echo "code $code"; cat ../err; intact
}
sha256sum ../small.jsonl > ../before
try "first" ../small.jsonl --out run --cache ../cache
sha256sum run/* > ../before
try "big run, little cache" ../big.jsonl --out ../elsewhere --cache ../small-disk
try "big run, little room" ../big.jsonl --out other --cache ../cache
try "big run without a cache" ../big.jsonl --out another --no-cache
rm -rf other another
dd if=/dev/zero of=filler bs=1k 2>/dev/null || true
try "again" ../small.jsonl --out run --cache ../cache
try "replaced" ../small.jsonl --out run --cache ../cache --seed 1 --force
try "new" ../small.jsonl --out new --cache ../cache
test ! -e new || echo NEW IS THERE
rm filler
sha256sum ../small.jsonl > ../before
try "room again" ../small.jsonl --out run --cache ../cache
sha256sum run/* > ../before
mount -o remount,ro "$PWD"
mount -o remount,ro "$PWD/../small-disk"
try "again, no rights" ../small.jsonl --out run --cache ../cache
try "replaced, no rights" ../small.jsonl --out run --cache ../cache --seed 1 --force
try "new, no rights" ../small.jsonl --out new --cache ../cache
try "cache, no rights" ../other.jsonl --out ../third --cache ../small-disk
cp -r ../small-disk ../copy
"$PYTHON" -c "import sqlite3; db = sqlite3.connect('../copy/verdicts.sqlite')
print('==', *db.execute('PRAGMA integrity_check').fetchone())
print(*db.execute('SELECT count(*) FROM verdicts').fetchone())"
"""


def test_a_full_disk_or_a_folder_without_rights_is_one_sentence_and_earlier_results_stay(tmp_path: Path) -> None:
    """On a small disk of one's own: everything that can run out runs out, and the run that is there survives it."""
    needs_mount()
    write_jsonl(tmp_path / "small.jsonl", ROWS)
    write_jsonl(tmp_path / "other.jsonl", [row | {"query": "Another?"} for row in ROWS])
    write_jsonl(
        tmp_path / "big.jsonl",
        [{"query": f"Question {i}?", "response": f"I cannot, {i * 7919}."} for i in range(30_000)],
    )
    for name in ("disk", "small-disk"):
        (tmp_path / name).mkdir()
    environment = {
        "PYTHON": sys.executable,
        "CLI": LAUNCHER[1],
        "PATH": os.defpath,
    }
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", DISK],
        cwd=tmp_path, env=environment, capture_output=True, encoding="utf-8", timeout=TIMEOUT,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "CHANGED" not in done.stdout
    assert "NEW IS THERE" not in done.stdout
    assert "Traceback" not in done.stdout
    parts = {title: body for title, _, body in (p.partition("\n") for p in done.stdout.split("== ")[1:])}
    named = {
        "big run, little cache": ["small-disk/verdicts.sqlite", "is full"],
        "big run, little room": ["other", "No space left on device"],
        "big run without a cache": ["another/.work/verdicts.sqlite", "is full"],
        "again": ["run", "No space left on device"],
        "replaced": ["run", "No space left on device"],
        "new": ["new", "No space left on device"],
        "again, no rights": ["run", "Read-only file system"],
        "replaced, no rights": ["run", "Read-only file system"],
        "new, no rights": ["new", "Read-only file system"],
        "cache, no rights": ["small-disk/verdicts.sqlite", "readonly database"],
    }
    assert set(parts) == {"first", *named, "room again", "ok"}
    for title, words in named.items():
        lines = parts[title].splitlines()
        sentences = [line for line in lines if line.startswith("scorer: ")]
        assert (lines[0], len(sentences)) == ("code 2", 1), parts[title]
        assert all(word in sentences[0] for word in words), sentences[0]
    assert int(parts["ok"]) > 0
    for title in ("first", "room again"):
        assert parts[title].startswith("code 0"), parts[title]


def test_a_folder_without_rights_for_an_ordinary_user(table: Path, tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    try:
        (locked / "probe").touch()
    except PermissionError:
        done = run("score", table, "--out", locked / "out", *KEYWORDS)
        assert done.code == 2
        assert "Permission denied" in done.sentence
    else:
        pytest.skip("this user may write everywhere")
