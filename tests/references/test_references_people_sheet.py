"""The people's workbook: out, filled in, and back."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scorer.errors import InputError
from scorer.references.formats import people_sheet
from scorer.references.incoming import ImportedFile, import_labels
from scorer.rubrics import Rubric

ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
NAME = ANY_TEXT.map(str.strip).filter(bool)
FORMULAS = ['=HYPERLINK("http://x","y")', "+1", "-1", "@SUM(A1)", "=1+1", "#N/A", "12", "TRUE", "'x"]


def picks(*rows: dict[str, Any]) -> pl.DataFrame:
    plain = {"item_id": "1", "target": "t", "method": "plain", "probability": 0.25, "query": "q", "response": "r"}
    return pl.DataFrame([plain | row for row in rows or ({},)])


def write(folder: Path, rubric: Rubric, *rows: dict[str, Any], annotators: tuple[str, ...] = ("annotator_1",)) -> Path:
    path = folder / "people.xlsx"
    people_sheet.write(path, picks(*rows), rubric, annotators=annotators)
    return path


def change(path: Path, edit: Callable[[Any], object]) -> Path:
    """Edit the labels as a person does, and save."""
    book = openpyxl.load_workbook(path)
    edit(book["Labels"])
    book.save(path)
    return path


def fill(path: Path, cells: dict[str, object]) -> Path:
    return change(path, lambda sheet: [sheet.__setitem__(place, value) for place, value in cells.items()])


def imported(path: Path, rubric: Rubric) -> ImportedFile:
    [file] = import_labels([path], rubric)
    return file


def test_the_sheet_has_what_a_person_needs(tmp_path, vscbench) -> None:
    book = openpyxl.load_workbook(write(tmp_path, vscbench, {}, {"item_id": "2"}, annotators=("Ann", "Bob")))
    assert book.sheetnames == ["Instructions", "Labels"]
    assert book.active.title == "Labels"
    told = [cell.value for row in book["Instructions"].iter_rows() for cell in row]
    assert vscbench.task in told
    sheet = book["Labels"]
    names = ["item_id", "target", "method", "probability", "query", "response", "Ann", "Bob"]
    assert [cell.value for cell in sheet[1]] == names
    assert sheet.freeze_panes == "A2"
    widths = [sheet.column_dimensions[letter].width for letter in "ABCDEFGH"]
    assert max(widths[:4]) <= 12 < min(widths[4:])
    assert sheet["A2"].font.color.rgb.endswith("808080")
    assert sheet["F2"].alignment.wrap_text
    [choices] = sheet.data_validations.dataValidation
    assert (choices.type, choices.showErrorMessage, str(choices.sqref)) == ("list", True, "G2:H3")
    first, last = re.fullmatch(r"=?Instructions!\$A\$(\d+):\$A\$(\d+)", choices.formula1).groups()
    listed = book["Instructions"][f"A{first}:C{last}"]
    assert [row[0].value for row in listed] == list(vscbench.class_ids)
    assert [row[2].value for row in listed] == [c.definition for c in vscbench.classes]


def test_labels_come_back_per_annotator(tmp_path, vscbench) -> None:
    path = write(tmp_path, vscbench, {}, {"item_id": "2"}, {"item_id": "3"}, annotators=("Ann", "Bob"))
    file = imported(fill(path, {"G2": "0_SAFE", "H2": "1_SAFE", "G3": "2_unsafe", "H4": "warns?", "G4": " "}), vscbench)
    assert [(r.annotator, r.item_id, r.label, r.status, r.text) for r in file.references] == [
        ("Ann", "1", "0_SAFE", "ok", "0_SAFE"),
        ("Ann", "2", "2_UNSAFE", "ok", "2_unsafe"),
        ("Bob", "1", "1_SAFE", "ok", "1_SAFE"),
        ("Bob", "3", None, "unparsed", "warns?"),
    ]
    assert {(r.target, r.method, r.probability, r.source) for r in file.references} == {
        ("t", "plain", 0.25, "people.xlsx")
    }
    assert (file.format, file.blank) == ("people-sheet", 2)


@given(item=NAME, target=NAME, method=NAME, query=ANY_TEXT, response=ANY_TEXT)
@example(item="_x0041_", target="a\rb\0c", method="\ufffe", query="_x000D_", response="\x1b[0m \uffff \r\n")
@example(item="=1+1", target="#N/A", method="007", query="+1", response="@x")
@settings(max_examples=40, deadline=None)
def test_any_text_goes_out_and_names_come_back(item, target, method, query, response, tmp_path_factory, vscbench):
    row = {"item_id": item, "target": target, "method": method, "query": query, "response": response}
    path = fill(write(tmp_path_factory.mktemp("sheet"), vscbench, row), {"G2": "0_SAFE"})
    [got] = imported(path, vscbench).references
    assert (got.item_id, got.target, got.method, got.label) == (item, target, method, "0_SAFE")


@pytest.mark.parametrize("text", FORMULAS)
def test_no_text_becomes_a_formula_or_another_value(text, tmp_path, vscbench) -> None:
    row = dict.fromkeys(("item_id", "target", "method", "query", "response"), text)
    sheet = openpyxl.load_workbook(write(tmp_path, vscbench, row))["Labels"]
    for place in ("A2", "B2", "C2", "E2", "F2"):
        assert (sheet[place].value, sheet[place].data_type) == (text, "s")
        assert sheet[place].quotePrefix == (text[0] in "=+-@")


def test_what_a_workbook_refuses_is_shown_as_a_sign(tmp_path, vscbench) -> None:
    row = {"query": "a\0b\x1b\ufffe", "response": "one\r\ntwo\rthree\tfour"}
    sheet = openpyxl.load_workbook(write(tmp_path, vscbench, row))["Labels"]
    assert sheet["E2"].value == "a\ufffdb\ufffd\ufffd"
    assert sheet["F2"].value == "one\ntwo\nthree\tfour"


@pytest.mark.parametrize("text", ["x" * 40_000, "\U0001f600" * 20_000, "_x000D_" * 5_000, "a" * 32_700 + "_x000D_" * 9])
def test_long_texts_are_cut_with_a_mark(text, tmp_path, vscbench) -> None:
    sheet = openpyxl.load_workbook(write(tmp_path, vscbench, {"response": text}))["Labels"]
    shown = sheet["F2"].value
    assert len(shown.encode("utf-16-le")) // 2 <= 32_767
    assert shown.endswith("CUT HERE: the text is longer than a cell can hold")
    assert text.startswith(shown.partition(" […] CUT")[0].replace("_x005F_", "_"))


def test_a_text_that_just_fits_is_whole(tmp_path, vscbench) -> None:
    sheet = openpyxl.load_workbook(write(tmp_path, vscbench, {"response": "x" * 32_767}))["Labels"]
    assert sheet["F2"].value == "x" * 32_767


@pytest.mark.parametrize("names", [("",), ("a", "a"), ("query",), ("x" * 101,), ("a\nb",), ()])
def test_annotators_that_do_not_do(names, tmp_path, vscbench) -> None:
    with pytest.raises(InputError, match="--annotators: got"):
        write(tmp_path, vscbench, annotators=names)


def test_an_annotators_name_may_look_like_a_formula(tmp_path, vscbench) -> None:
    path = fill(write(tmp_path, vscbench, annotators=("=me", "_x0041_")), {"G2": "0_SAFE", "H2": "1_SAFE"})
    assert [r.annotator for r in imported(path, vscbench).references] == ["=me", "_x0041_"]


def rename(place: str, name: str | None) -> Callable[[Any], object]:
    return lambda sheet: sheet.__setitem__(place, name)


BROKEN = {
    "renamed": (rename("A1", "Item"), "without the column item_id"),
    "unnamed": (rename("C1", None), "without the column method"),
    "removed": (lambda sheet: sheet.delete_cols(2), "without the column target"),
    "no annotator": (lambda sheet: sheet.delete_cols(7), "without a column of labels"),
    "annotator unnamed": (rename("G1", None), "a value under no heading in row 2"),
    "merged": (lambda sheet: sheet.merge_cells("G2:G3"), r"merged cells \(G2:G3\) in the sheet 'Labels'"),
    "merged head": (lambda sheet: sheet.merge_cells("E1:F1"), r"merged cells \(E1:F1\)"),
    "value under no heading": (rename("I3", "1_SAFE"), "a value under no heading in row 3"),
    "chance": (rename("D2", "often"), "got 'often' in the column 'probability', row 2"),
    "chance too high": (rename("D2", 25), "a number above 0 and at most 1"),
    "no id": (rename("A3", None), "nothing in the column 'item_id', row 3"),
    "never labelled": (rename("G2", None), r"got no labels \(2 cells are blank\)"),
    "another rubric": (rename("G2", "2_full_refusal"), "got the classes 2_full_refusal; expected those"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_sheets_are_refused_in_one_sentence(case, tmp_path, vscbench) -> None:
    edit, says = BROKEN[case]
    path = fill(write(tmp_path, vscbench, {}, {"item_id": "2"}), {"G2": "0_SAFE"})
    with pytest.raises(InputError, match=says) as caught:
        imported(change(path, edit), vscbench)
    assert str(caught.value).isprintable()


def test_a_column_of_remarks_is_left_out_with_a_note(tmp_path, vscbench) -> None:
    path = fill(write(tmp_path, vscbench, {}, {"item_id": "2"}), {"G2": "0_SAFE", "H1": "remarks", "H2": "hard to say"})
    file = imported(path, vscbench)
    assert [r.annotator for r in file.references] == ["annotator_1"]
    assert file.notes == ("people.xlsx: the column 'remarks' names no class at all and is left out.",)


def test_a_colleague_who_adds_a_column_is_an_annotator(tmp_path, vscbench) -> None:
    path = fill(write(tmp_path, vscbench, {}, {"item_id": "2"}), {"G2": "0_SAFE", "H1": "Cleo", "H3": "1_SAFE"})
    assert imported(path, vscbench).counts() == {"annotator_1": {"0_SAFE": 1}, "Cleo": {"1_SAFE": 1}}


def test_an_annotator_with_nothing_but_mistakes_is_kept_as_unparsed(tmp_path, vscbench) -> None:
    path = fill(write(tmp_path, vscbench, annotators=("Ann", "Bob")), {"G2": "0_SAFE", "H2": "dunno"})
    assert imported(path, vscbench).counts() == {"Ann": {"0_SAFE": 1}, "Bob": {"unparsed": 1}}


def test_a_bare_number_is_no_class(tmp_path, vscbench) -> None:
    path = fill(write(tmp_path, vscbench, {}, {"item_id": "2"}), {"G2": 1, "G3": "0_SAFE"})
    assert [r.label for r in imported(path, vscbench).references] == [None, "0_SAFE"]


def test_the_sheet_may_be_saved_as_csv(tmp_path, vscbench) -> None:
    rows = picks({}, {"item_id": "2"}).with_columns(annotator_1=pl.Series(["0_SAFE", None]))
    path = tmp_path / "people.csv"
    path.write_text(rows.write_csv())
    assert imported(path, vscbench).counts() == {"annotator_1": {"0_SAFE": 1}}


def test_the_file_is_a_workbook_like_any_other(tmp_path, vscbench) -> None:
    content = write(tmp_path, vscbench, {"response": "\U0001f600 مرحبا"}).read_bytes()
    frame = pl.read_excel(io.BytesIO(content), sheet_name="Labels", engine="openpyxl")
    assert frame["response"].to_list() == ["\U0001f600 مرحبا"]
