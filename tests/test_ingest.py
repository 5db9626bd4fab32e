"""Reading into parts: nothing lost, nothing twice, everything in order, whatever the parts' size."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scorer import ingest as module
from scorer.assets import file_sha256
from scorer.errors import InputError, StorageError
from scorer.ingest import RESPONSE_COLUMNS, Ingested, ingest, responses_of
from scorer.readers import read

TEXT = st.text(st.characters(exclude_categories=["Cs"]))


def _write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def _table(tmp_path: Path, n: int = 5, name: str = "table.jsonl", **fields: Any) -> Path:
    rows = [{"item_id": f"{name} {i}", "query": f"q{i}", "response": f"r{i}"} | fields for i in range(n)]
    return _write(tmp_path / name, rows)


def _ingest(*paths: Path, folder: Path, **options: Any) -> tuple[Ingested, list[str]]:
    said: list[str] = []
    return ingest(paths, folder, said.append, **options), said


def _frame(result: Ingested) -> pl.DataFrame:
    return pl.concat([pl.read_parquet(part) for part in result.parts])


def test_rows_keep_the_order_of_the_inputs(tmp_path: Path) -> None:
    one, two = _table(tmp_path, 3, "one.jsonl"), _table(tmp_path, 2, "two.jsonl")
    result, said = _ingest(two, one, folder=tmp_path / "work")
    assert _frame(result)["item_id"].to_list() == [
        *("two.jsonl 0", "two.jsonl 1"),
        *("one.jsonl 0", "one.jsonl 1", "one.jsonl 2"),
    ]
    assert (result.rows, result.with_expects) == (5, 0)
    assert [record["rows"] for record in result.inputs] == [2, 3]
    assert [record["sha256"] for record in result.inputs] == [file_sha256(two), file_sha256(one)]
    assert said[0].startswith("two.jsonl: table responses")


@given(rows=st.lists(st.tuples(TEXT.filter(str.strip), TEXT), min_size=1, max_size=12), size=st.integers(1, 5))
@settings(max_examples=40, deadline=None)
def test_the_parts_together_are_what_the_reader_gave(rows, size: int, tmp_path_factory) -> None:
    folder = tmp_path_factory.mktemp("ingest")
    table = _write(folder / "t.jsonl", [{"query": q, "response": r, "expects": "answer"} for q, r in rows])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "PART_ROWS", size)
        result, _ = _ingest(table, folder=folder / "work")
    assert [len(pl.read_parquet(part)) <= size for part in result.parts] == [True] * -(-len(rows) // size)
    back = [response for part in result.parts for response in responses_of(pl.read_parquet(part))]
    assert back == list(read(table).responses)
    assert result.with_expects == len(rows)
    assert tuple(_frame(result).columns) == RESPONSE_COLUMNS


def test_a_part_is_full_of_long_texts_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PART_CHARACTERS", 1000)
    result, _ = _ingest(_table(tmp_path, 4, response="x" * 600), folder=tmp_path / "work")
    assert [len(pl.read_parquet(part)) for part in result.parts] == [2, 2]


def test_exact_repetitions_count_once_and_are_said(tmp_path: Path) -> None:
    row = {"item_id": "1", "query": "q", "response": "r"}
    table = _write(tmp_path / "t.jsonl", [row, row, row | {"target": "other"}, row])
    result, said = _ingest(table, folder=tmp_path / "work")
    assert result.rows == 2
    note = "t.jsonl: 2 rows repeat an earlier row exactly and are counted once."
    assert note in result.notes
    assert note in said


@pytest.mark.parametrize("column", ["query", "response", "expects", "scenario", "channel", "category", "group_id"])
def test_the_same_key_with_another_row_is_refused(column: str, tmp_path: Path) -> None:
    """Two rows that contradict each other: silently keeping the first would score half of the truth."""
    row = {"item_id": "1", "query": "q", "response": "r", "expects": "refusal"}
    table = _write(tmp_path / "t.jsonl", [row, row | {column: "answer"}])
    with pytest.raises(InputError, match=r"t\.jsonl: got item_id '1' twice for target 'unknown' and method 'plain'"):
        _ingest(table, folder=tmp_path / "work")


def test_another_target_or_method_is_another_response(tmp_path: Path) -> None:
    row = {"item_id": "1", "query": "q", "response": "r"}
    rows = [row, row | {"target": "t", "response": "s"}, row | {"method": "cot", "response": "t"}]
    result, _ = _ingest(_write(tmp_path / "t.jsonl", rows), folder=tmp_path / "work")
    assert result.rows == 3


def test_files_of_labels_are_left_out_beside_responses_and_refused_alone(tmp_path: Path) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text("id,gpt4_label\n1,x\n", encoding="utf-8")
    result, said = _ingest(labels, _table(tmp_path), folder=tmp_path / "work")
    assert result.notes[0] == "labels.csv: left out, for it holds labels (gpt4_label) but no responses."
    assert said[0] == result.notes[0]
    assert len(result.inputs) == 1
    with pytest.raises(InputError, match="no responses"):
        _ingest(labels, folder=tmp_path / "work")
    with pytest.raises(InputError, match="no responses"):
        _ingest(labels, labels, folder=tmp_path / "work")


def test_what_is_not_expected_is_said(tmp_path: Path) -> None:
    none, _ = _ingest(_table(tmp_path), folder=tmp_path / "a")
    assert none.notes == ["No row says what is expected (`expects`): there are verdicts, but no SRA can be computed."]
    known = _table(tmp_path, 3, "known.jsonl", expects="answer")
    some, _ = _ingest(_table(tmp_path), known, folder=tmp_path / "b")
    assert some.notes == ["5 of 8 rows do not say what is expected (`expects`): they count in no SRA."]
    every, _ = _ingest(known, folder=tmp_path / "c")
    assert every.notes == []


def test_target_and_method_fill_in(tmp_path: Path) -> None:
    result, _ = _ingest(_table(tmp_path), folder=tmp_path / "work", target="llava", method="cot")
    assert _frame(result).select("target", "method").unique().rows() == [("llava", "cot")]


def test_a_bad_later_row_raises_before_anything_can_be_judged(tmp_path: Path) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"query": "q", "response": "r"}\n{', encoding="utf-8")
    with pytest.raises(InputError, match="line 2"):
        _ingest(_table(tmp_path), bad, folder=tmp_path / "work")


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot be written"):
        _ingest(_table(tmp_path), folder=tmp_path / "file" / "work")
