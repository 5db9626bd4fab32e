"""Disks, inputs and images."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from doctor_world import World

from scorer.doctor import disk, inputs
from scorer.doctor.finding import size
from scorer.doctor.plan import Plan

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(tmp_path, monkeypatch)


def _doctor_on_a_disk_of_its_own(folder: Path, prepare: str, kilobytes: int) -> str:
    """The line `out` where the folder is a small disk that only this process sees."""
    folder.mkdir()
    mount = f"mount -t tmpfs -o size={kilobytes}k none '{folder}'"
    if subprocess.run(["unshare", "-rm", "sh", "-c", mount], capture_output=True).returncode:
        pytest.skip("a disk of one's own (unshare -rm, mount tmpfs) is not permitted here")
    command = f"'{sys.executable}' cli.py doctor --judge keyword-xstest --out '{folder}/run'"
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", f"{mount} && {{ {prepare} ; }} ; {command}"],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 1, done.stdout + done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("FAIL")]
    return line


def test_a_small_disk(tmp_path: Path) -> None:
    line = _doctor_on_a_disk_of_its_own(tmp_path / "disk", "true", 1024)
    assert "1.0 MiB free, about 16.0 MiB needed" in line


def test_a_full_disk(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    line = _doctor_on_a_disk_of_its_own(disk, f"head -c 100000 /dev/zero > '{disk}/fill' 2> /dev/null", 64)
    assert "cannot be written (No space left on device)" in line


def test_more_rows_need_more_room(world: World) -> None:
    """Two responses of 1 + 2 MiB of text: 16 MiB + 3 x 3 MiB + 2 judges x 2 x 1 KiB = 25.004 MiB."""
    rows = [{"query": "q", "response": "x" * (count * 2**20 - 1)} for count in (1, 2)]
    plan = Plan(inputs=(world.table(*rows),), judges=("a", "b"), out=world.folder / "run")
    (found,) = disk.out_folder(plan)
    assert "about 25.0 MiB needed" in found.finding
    assert not (world.folder / "run").exists()


@pytest.mark.parametrize(
    ("count", "shown"),
    [(0, "0 bytes"), (1023, "1023 bytes"), (1536, "1.5 KiB"), (5 * 2**20, "5.0 MiB"), (3 * 2**40, "3072.0 GiB")],
)
def test_sizes(count: int, shown: str) -> None:
    assert size(count) == shown


def test_labels_beside_responses_are_left_out_and_alone_they_fail(world: World) -> None:
    labels = world.file("labels.csv", "id,gpt4_label\nv2-1,1_full_compliance\n")
    table = world.table({"query": "q", "response": "r", "expects": "answer"})
    both = list(inputs.inputs(Plan(inputs=(table, labels, table))))
    assert [f.status for f in both] == ["ok", "warn"]
    (alone,) = inputs.inputs(Plan(inputs=(labels,)))
    assert alone.status == "FAIL"


def test_responses_that_never_came_and_rows_without_expects(world: World) -> None:
    (none,) = inputs.inputs(Plan(inputs=(world.table({"query": "q", "response": " "}),)))
    assert none.status == "FAIL"
    assert "1 responses, 1 of them missing" in none.finding
    (unknown,) = inputs.inputs(Plan(inputs=(world.table({"query": "q", "response": "r"}),)))
    assert unknown.status == "warn"
    assert "no SRA" in unknown.finding


def test_one_unreadable_input_hides_no_other(world: World) -> None:
    table = world.table({"query": "q", "response": "r", "expects": "answer"})
    found = list(inputs.inputs(Plan(inputs=(world.folder / "none.csv", table))))
    assert [f.status for f in found] == ["FAIL", "ok"]
    assert found[0].finding == f"{world.folder / 'none.csv'}: got no such file; expected a file of responses"
    assert found[0].fix == "check the path."


def test_an_empty_image_is_missing_and_a_sheet_without_images_is_told(world: World) -> None:
    sheet = world.file("s.csv", "query,response,search_img\nq,r,one.png\nq,r,\nq,r, two.png \n")
    world.file("images/one.png", "pixels")
    world.file("images/two.png")
    (found,) = inputs.images(Plan(inputs=(sheet,), images=world.folder / "images"))
    assert found.status == "FAIL"
    assert found.finding == f"s.csv: 1 of 2 images are not in {world.folder / 'images'}: two.png"
    table = world.table({"query": "q", "response": "r"})
    (plain,) = inputs.images(Plan(inputs=(table,), images=world.folder / "images"))
    assert plain.status == "warn"
    (absent,) = inputs.images(Plan(inputs=(sheet,), images=world.folder / "none"))
    assert absent.status == "FAIL"


def test_the_published_sheets_name_their_images(world: World, shared_data: Path) -> None:
    """300 prompts x 6 images, one name of them twice; 450 prompts x 4 images, one name twice."""
    sheets = tuple(sorted((shared_data / "vscbench").glob("*.xlsx")))
    found = list(inputs.images(Plan(inputs=sheets, images=world.folder)))
    assert [f.finding.split(" images")[0] for f in found] == [
        "vscbench_image_centric.xlsx: 1,799 of 1,799",
        "vscbench_text_centric.xlsx: 1,799 of 1,799",
    ]
