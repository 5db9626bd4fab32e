"""`scorer compare` as a user meets it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from scorer.cli import main

Compare = Callable[..., tuple[int, str, str]]
CLASSES = [
    {"id": "no", "title": "refuses", "definition": "Declines.", "flagged": True, "irrelevant": False},
    {"id": "yes", "title": "answers", "definition": "Answers.", "flagged": False, "irrelevant": False},
    {"id": "off", "title": "misses the point", "definition": "Off.", "flagged": False, "irrelevant": True},
]
HOSTILE = "</script><img src=x onerror='window.hacked = 1'>"


def write_run(folder: Path, labels: str, *, fingerprint: str = "f1", digest: str = "d1", **fields: Any) -> Path:
    """A run with a letter per item: n refuses, y answers, o misses the point, - could not be scored."""
    folder.mkdir(parents=True)
    named = {"n": "no", "y": "yes", "o": "off", "-": None}
    rows = [
        {
            "item_id": f"item-{i}", "target": "alpha", "method": "plain", "scenario": None, "channel": "image",
            "category": f"c{i % 2}", "group_id": None, "expects": ("answer", "refusal")[i % 2],
            "query": f"Query {i}? {HOSTILE}", "response": f"{letter} to {i} {HOSTILE}",
            "judge": "j", "status": "ok" if named[letter] else "error", "label": named[letter],
            "flagged": None if named[letter] is None else letter == "n", "p_flagged": None,
        }
        | {key: value(i) if callable(value) else value for key, value in fields.items() if key != "state"}
        for i, letter in enumerate(labels)
    ]  # fmt: skip
    frame = pl.DataFrame(rows, infer_schema_length=None).with_columns(
        pl.col("scenario", "channel", "category", "group_id", "expects", "label").cast(pl.String),
        pl.col("p_flagged").cast(pl.Float64), pl.col("flagged").cast(pl.Boolean),
    )  # fmt: skip
    frame.drop("judge", "status", "label", "flagged", "p_flagged").write_parquet(folder / "responses.parquet")
    frame.drop("query", "response").write_parquet(folder / "verdicts.parquet")
    rubric = {"name": "r", "version": 1, "title": "Rubric", "source": "", "digest": digest, "classes": CLASSES}
    rubric |= {"when_flagged": "no", "when_not_flagged": "yes", "task": "Which class?"}
    judge = {"name": "j", "summary": "", "fingerprint": fingerprint}
    manifest = {"state": fields.get("state", "complete"), "created": "2026-11-20T14:03:00+00:00", "rubric": rubric}
    (folder / "manifest.json").write_text(json.dumps(manifest | {"judges": [judge]}), encoding="utf-8")
    return folder


@pytest.fixture
def compare(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Compare:
    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["scorer", "compare", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        out, err = capsys.readouterr()
        return int(end.value.code or 0), out, err

    return run


def rows_of(out: Path) -> dict[tuple[str, str], dict[str, Any]]:
    document = json.loads((out / "comparison.json").read_text("utf-8"))
    return {(row["metric"], row["slice"]): row for row in document["rows"]}


def test_it_compares_and_writes_all_files(compare: Compare, tmp_path: Path) -> None:
    # Even items are safe. A: 0 n wrong, 1 n right, 2 y right, 3 y wrong, 4 y right. B: all right but 4, irrelevant.
    a, b = write_run(tmp_path / "a", "nnyyy"), write_run(tmp_path / "b", "ynyno-")
    code, out, err = compare(a, b, "--out", tmp_path / "out")
    assert (code, err) == (0, "")
    assert "5 items compared" in out
    assert "1 only in B" in out
    found = rows_of(tmp_path / "out")
    assert found["SRAa", "overall"]["difference"] == pytest.approx(2 / 5)
    assert found["SRAa_strict", "overall"]["difference"] == pytest.approx(1 / 5)
    assert found["SRAa", "overall"]["only_b"] == 1
    assert ("SRAu_strict", "overall") not in found
    table = pl.read_csv(tmp_path / "out" / "comparison.csv")
    assert len(table) == len(found) == 7 * 3


def test_identical_runs(compare: Compare, tmp_path: Path) -> None:
    a, b = write_run(tmp_path / "a", "nnyy-"), write_run(tmp_path / "b", "nnyy-")
    code, out, _ = compare(a, b, "--out", tmp_path / "out", "--json")
    assert code == 0
    rows = [r for r in json.loads(out)["rows"] if r["by"] == "overall"]
    assert {r["difference"] for r in rows} == {0}
    assert {r["p_holm"] for r in rows} == {1, None}
    assert all(r["low"] < 0 < r["high"] for r in rows)


@pytest.mark.parametrize("labels", ["y", "-", "---"])
def test_one_item_or_nothing_scored(compare: Compare, tmp_path: Path, labels: str) -> None:
    a, b = write_run(tmp_path / "a", labels), write_run(tmp_path / "b", labels)
    assert compare(a, b, "--out", tmp_path / "out")[0] == 0
    assert rows_of(tmp_path / "out")["SRAa", "overall"]["n"] == labels.count("y")


def test_targets_and_methods_within_one_run(compare: Compare, tmp_path: Path) -> None:
    two = {"item_id": lambda i: f"item-{i // 2}", "expects": "answer", "query": "Q?"}
    targets = write_run(tmp_path / "t", "ynynyn", target=lambda i: ("alpha", "beta")[i % 2], **two)
    methods = write_run(tmp_path / "m", "ynynyn", method=lambda i: ("plain", "cot")[i % 2], **two)
    named = ("--target-a", "alpha", "--target-b", "beta")
    assert compare(targets, targets, *named, "--out", tmp_path / "1")[0] == 0
    assert rows_of(tmp_path / "1")["SRAs", "overall"]["difference"] == -1
    # Without names items of both targets pair with themselves: 6 pairs, sliced by target.
    assert compare(targets, targets, "--out", tmp_path / "2")[0] == 0
    assert rows_of(tmp_path / "2")["SRAs", "alpha"]["n"] == 3
    assert compare(methods, methods, "--method-a", "plain", "--method-b", "cot", "--out", tmp_path / "3")[0] == 0
    assert rows_of(tmp_path / "3")["SRAs", "overall"]["became_wrong"] == 3
    code, _, err = compare(methods, methods, "--out", tmp_path / "4")
    assert code == 2
    assert "--method-a" in err


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"fingerprint": "f2"}, "two fingerprints"),
        ({"digest": "d2"}, "the same rubric"),
        ({"state": "running"}, "not complete"),
        ({"item_id": lambda i: f"other-{i}"}, "no item in common"),
        ({"query": "Another?"}, "another query"),
        ({"expects": "answer"}, "another expects"),
        ({"expects": None}, "another expects"),
        ({"target": "beta"}, "--target-a"),
    ],
)
def test_what_cannot_be_compared(compare: Compare, tmp_path: Path, changed: dict[str, Any], said: str) -> None:
    a, b = write_run(tmp_path / "a", "nyny"), write_run(tmp_path / "b", "nyny", **changed)
    code, out, err = compare(a, b, "--out", tmp_path / "out")
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_no_expects(compare: Compare, tmp_path: Path) -> None:
    a, b = (write_run(tmp_path / name, "nyny", expects=None) for name in "ab")
    code, _, err = compare(a, b, "--out", tmp_path / "out")
    assert code == 2
    assert "(expects)" in err


def test_another_comparison_is_not_replaced(compare: Compare, tmp_path: Path) -> None:
    a, b = write_run(tmp_path / "a", "nyny"), write_run(tmp_path / "b", "yyny")
    assert compare(a, b, "--out", tmp_path / "out")[0] == 0
    assert compare(a, b, "--out", tmp_path / "out")[0] == 0
    assert compare(b, a, "--out", tmp_path / "out")[0] == 2
    assert compare(b, a, "--out", tmp_path / "out", "--force")[0] == 0


def test_the_page_in_a_browser(compare: Compare, tmp_path: Path, browser: Any) -> None:
    a, b = write_run(tmp_path / "a", "nyny" * 30), write_run(tmp_path / "b", "yyyn" * 30)
    assert compare(a, b, "--out", tmp_path / "out")[0] == 0
    for kind in ("browser", "performance"):
        browser.get_log(kind)
    page = (tmp_path / "out" / "comparison.html").as_uri()
    browser.get(page)
    shown = "return [...document.querySelectorAll(arguments[0])].filter((e) => e.checkVisibility()).length"
    assert browser.execute_script(shown, ".forest") == 1
    assert browser.execute_script(shown, ".forest .whiskers circle") == 3
    assert browser.execute_script(shown, "#changed details") == 90
    browser.execute_script(
        "const s = document.querySelector('#changed input'); s.value = 'query 4?';"
        "s.dispatchEvent(new Event('input', { bubbles: true }))"
    )
    assert browser.execute_script(shown, "#changed details") == 1
    browser.execute_script("document.querySelector('#changed details:not([hidden])').open = true")
    assert browser.execute_script("return window.hacked") is None
    assert browser.execute_script("return document.querySelectorAll('img').length") == 0
    assert browser.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")
    assert browser.get_log("browser") == []
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    assert {e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"} == {page}
