"""`scorer benchmark` on real files: the published layout, and every way in which an image can be broken."""

from __future__ import annotations

import hashlib
import json
import shutil
import struct
import zlib
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from scorer.benchmarks import benchmark_names, find_benchmark, read_items
from scorer.cli import cli
from scorer.errors import InputError, StorageError
from scorer.readers import read


def command(*arguments: object):
    """Output and exit code; errors come through."""
    result = CliRunner().invoke(cli, ["benchmark", *map(str, arguments)], catch_exceptions=False, standalone_mode=False)
    if result.exception:
        raise result.exception
    return result.output, result.return_value


def own(folder: Path, *images: str) -> Path:
    """A user's table with one item an image."""
    table = folder / "mine.csv"
    rows = [f"What is this {i}?,{image},answer,plain" for i, image in enumerate(images)]
    table.write_text("\n".join(["query,image,expects,category", *rows]) + "\n", encoding="utf-8")
    return table


def png(path: Path, colour: str = "red", size: tuple[int, int] = (64, 64)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.effect_noise(size, 50).convert("RGB").save(path) if colour == "noise" else Image.new(
        "RGB", size, colour
    ).save(path)
    return path


def bomb(path: Path) -> None:
    """A PNG whose header says 60,000 x 60,000 pixels."""
    chunks = [b"IHDR" + struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0), b"IDAT" + zlib.compress(bytes(1000))]
    framed = [struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in chunks]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(framed))


@pytest.fixture
def sheets(shared_data, tmp_path) -> Path:
    """A copy of the published sheets without any image."""
    return Path(shutil.copytree(shared_data / "vscbench", tmp_path / "vscbench"))


def test_the_published_items(sheets) -> None:
    name, benchmark = find_benchmark(sheets)
    items = list(read_items(benchmark, sheets))
    assert name == "vscbench"
    assert Counter((i.scenario, i.channel == "text") for i in items) == {
        ("image_centric", False): 1800,
        ("text_centric", False): 1800,
        ("text_centric", True): 450,
    }
    assert len({i.item_id for i in items}) == 4050
    assert all(i.expects and i.category and i.group_id for i in items)


def test_responses_line_up(sheets, write_results) -> None:
    """The items of a result sheet made from the published one are the benchmark's own."""
    items = {i.item_id: i for i in read_items(find_benchmark(sheets)[1], sheets)}
    answered = [r.item for path in write_results(sheets) for r in read(path).responses]
    assert len(answered) == 4050
    assert all(items[i.item_id] == i for i in answered)


@pytest.fixture
def write_results(tmp_path):
    """Adds a column of responses per item to both sheets."""
    import openpyxl

    def _write(folder: Path) -> list[Path]:
        paths = []
        for kind in ("image", "text"):
            book = openpyxl.load_workbook(folder / f"vscbench_{kind}_centric.xlsx")
            names = (
                [f"{side}_resp_m_{j}" for side in ("safe", "unsafe") for j in range(3)]
                if kind == "image"
                else [f"resp_{c}" for c in ("txt", "search", "typography", "concat", "figstep")]
            )
            first = book.active.max_column + 1
            for place, name in enumerate(names):
                for row in range(1, book.active.max_row + 1):
                    book.active.cell(row, first + place, name if row == 1 else "I cannot help.")
            paths.append(tmp_path / f"vscbench_{kind}_centric_m.xlsx")
            book.save(paths[-1])
        return paths

    return _write


def test_the_whole_benchmark_with_placeholders(sheets, tmp_path) -> None:
    placeholder = png(tmp_path / "p.png").read_bytes()
    for item in read_items(find_benchmark(sheets)[1], sheets):
        if item.image:
            path = sheets / item.image
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(placeholder)
    out = tmp_path / "manifest.json"
    said, code = command("check", sheets, "--out", out)
    assert code == 0
    assert "4,050 of 4,050 items usable" in said
    manifest = json.loads(out.read_text("utf-8"))
    for file in manifest["files"]:
        assert file["sha256"] == hashlib.sha256((sheets / file["path"]).read_bytes()).hexdigest()
    assert len(manifest["files"]) == 2 + 1799 + 1799  # two file names stand for two items each
    assert [len(same) for same in manifest["duplicates"]] == [3598]
    with pytest.raises(StorageError, match="--force"):
        command("check", sheets, "--out", out)
    (sheets / "vscbench_image_centric.xlsx").unlink()
    said, code = command("check", sheets)
    assert code == 1
    assert "missing: vscbench_image_centric.xlsx" in said


def test_every_fault_is_named(tmp_path) -> None:
    png(tmp_path / "good.png")
    shutil.copy(tmp_path / "good.png", tmp_path / "twin.png")
    whole = png(tmp_path / "noise.png", "noise").read_bytes()
    (tmp_path / "truncated.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.png").touch()
    (tmp_path / "unreadable.png").write_text("no image", encoding="utf-8")
    bomb(tmp_path / "oversized.png")
    names = ("good", "twin", "truncated", "empty", "unreadable", "oversized", "missing")
    long = "x" * 300 + ".png"  # no file system takes such a name: a fault like any other
    table = own(tmp_path, *(f"{name}.png" for name in names), "../outside.png", long, "")
    said, code = command("check", table, "--json")
    report = json.loads(said)
    assert code == 1
    assert {p["path"]: p["fault"] for p in report["problems"]} == {
        **{f"{name}.png": name for name in names[2:]},
        "../outside.png": "outside",
        long: "unreadable",
    }
    assert report["duplicates"] == [["good.png", "twin.png"]]
    assert (report["items"], report["usable"]) == (10, 3)
    said, code = command("check", table, "--allow-missing")
    assert code == 0
    assert "Only 3 of the 10 items found can be used" in said
    assert "truncated: truncated.png" in said


def test_what_is_no_benchmark_is_refused(tmp_path) -> None:
    assert benchmark_names() == ["table", "vscbench"]
    with pytest.raises(InputError, match="no benchmark"):
        command("check", tmp_path)
    table = tmp_path / "t.csv"
    table.write_text("query,image\nWhat?,a.png\n", encoding="utf-8")
    with pytest.raises(InputError, match="no column expects, category"):
        command("check", table)


def text_sheet(path: Path, **changed: str) -> Path:
    """One harmless row in the published layout."""
    import openpyxl

    row = {
        **{"object": "warm soup", "prompt_figstep": "Steps to cook soup.", "search_img": "s.png"},
        **{f"{c}_img": f"0_{c}.png" for c in ("typography", "figstep", "concat")},
        **changed,
    }
    book = openpyxl.Workbook()
    book.active.append(list(row))
    book.active.append(list(row.values()))
    book.save(path)
    return path


def test_render_draws_keeps_and_draws_again(tmp_path) -> None:
    sheet, out = text_sheet(tmp_path / "t.xlsx"), tmp_path / "out"
    folder = out / "vscbench_text_centric_images"
    said, code = command("render", sheet, "--out", out)
    assert (said, code) == ("typography: 1 written, 0 there already\nfigstep: 1 written, 0 there already\n", 0)
    first = (folder / "figstep" / "0_figstep.png").read_bytes()
    (folder / "figstep" / "0_figstep.png").write_bytes(b"mine")
    command("render", sheet, "--out", out)
    assert (folder / "figstep" / "0_figstep.png").read_bytes() == b"mine"
    command("render", sheet, "--out", out, "--force")
    assert (folder / "figstep" / "0_figstep.png").read_bytes() == first
    command("render", sheet, "--out", out, "--force", "--figstep-size", 512)
    assert Image.open(folder / "figstep" / "0_figstep.png").size == (512, 512)
    said, code = command("render", sheet, "--out", out, "--photos", tmp_path)
    assert code == 1
    assert "s.png: missing" in said
    with pytest.raises(InputError, match="got no folder; expected the folder of the photographs"):
        command("render", sheet, "--out", out, "--photos", sheet)
    png(tmp_path / "s.png")
    assert command("render", sheet, "--out", out, "--photos", tmp_path)[1] == 0
    assert Image.open(folder / "concat" / "0_concat.png").size == (760, 950)


def test_names_that_lead_elsewhere_are_refused(tmp_path) -> None:
    sheet = text_sheet(tmp_path / "t.xlsx", typography_img="../../evil.png")
    with pytest.raises(InputError, match="plain file name"):
        command("render", sheet, "--out", tmp_path / "out")
    assert not (tmp_path / "evil.png").exists()
