"""How the people's workbook is made: an instructions sheet, and a sheet with one row per response to label."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import openpyxl
import polars as pl
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation

from scorer.rubrics import Rubric

KEYS = ("item_id", "target", "method", "probability")
TEXTS = ("query", "response")
LONGEST_CELL = 32_767  # UTF-16 units, Excel's limit
CUT = " […] CUT HERE: the text is longer than a cell can hold"

_INSTRUCTIONS, _LABELS = "Instructions", "Labels"
_FIRST_CLASS_ROW = 6
_GREY, _BOLD, _TOP = Font(color="808080", size=9), Font(bold=True), Alignment(wrap_text=True, vertical="top")
_PLAIN_TOP = Alignment(vertical="top")
_HEAD = PatternFill("solid", fgColor="DDE6F0")
_WIDTHS = {"item_id": 12, "target": 12, "method": 9, "probability": 9, "query": 50, "response": 90}
_ANNOTATOR_WIDTH = 20
_TEXT_FORMAT = "@"
# XML 1.0 allows none of these, and a workbook that holds one cannot be opened.
_REFUSED = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_ESCAPE = re.compile("_(?=x[0-9A-Fa-f]{4}_)")


def make_book(picks: pl.DataFrame, rubric: Rubric, annotators: Sequence[str]) -> Any:
    """The workbook, with a drop-down of the class ids in every annotator's column."""
    book = openpyxl.Workbook()
    _fill_instructions(book.active, rubric)
    sheet = book.create_sheet(_LABELS)
    book.active = 1
    columns = [*KEYS, *TEXTS, *annotators]
    for place, name in enumerate(columns, 1):
        head = _put(sheet, 1, place, name)
        head.font, head.fill, head.alignment = _BOLD, _HEAD, _PLAIN_TOP
        sheet.column_dimensions[get_column_letter(place)].width = _WIDTHS.get(name, _ANNOTATOR_WIDTH)
    for number, pick in enumerate(picks.iter_rows(named=True), 2):
        for place, name in enumerate(columns, 1):
            _fill(sheet, number, place, name, pick.get(name) if name in (*KEYS, *TEXTS) else None)
    sheet.freeze_panes = "A2"
    first, last = get_column_letter(len(KEYS) + len(TEXTS) + 1), get_column_letter(len(columns))
    choices = _drop_down(rubric)
    choices.add(f"{first}2:{last}{len(picks) + 1}")
    sheet.add_data_validation(choices)
    return book


def _fill_instructions(sheet: Any, rubric: Rubric) -> None:
    sheet.title = _INSTRUCTIONS
    lines = [
        (f"Labelling under the rubric {rubric.name}: {rubric.title}", _BOLD),
        (rubric.task, None),
        (f"In the sheet {_LABELS}, choose one class per row in your own column; leave a row blank to pass it.", None),
        ("Do not rename, merge, move or remove columns, and leave the grey ones as they are.", None),
    ]
    for number, (line, font) in enumerate(lines, 1):
        cell = _put(sheet, number, 3, line)
        cell.alignment = _TOP
        if font:
            cell.font = font
    for place, (name, width) in enumerate((("class", 22), ("in short", 24), ("definition", 110)), 1):
        head = _put(sheet, _FIRST_CLASS_ROW - 1, place, name)
        head.font, head.fill = _BOLD, _HEAD
        sheet.column_dimensions[get_column_letter(place)].width = width
    for number, c in enumerate(rubric.classes, _FIRST_CLASS_ROW):
        for place, value in enumerate((c.id, c.title, c.definition), 1):
            _put(sheet, number, place, value).alignment = _TOP


def _drop_down(rubric: Rubric) -> Any:
    """The choices are a range, not a list: a list breaks at 255 characters and at commas."""
    last = _FIRST_CLASS_ROW + len(rubric.classes) - 1
    return DataValidation(
        type="list",
        formula1=f"={_INSTRUCTIONS}!$A${_FIRST_CLASS_ROW}:$A${last}",
        allow_blank=True,
        showErrorMessage=True,
        errorTitle="Not a class",
        error="Choose one of the classes in the list, or leave the cell blank.",
    )


def _fill(sheet: Any, number: int, place: int, name: str, value: object) -> None:
    if name == "probability":
        cell = sheet.cell(number, place, value)
    else:
        cell = _put(sheet, number, place, None if value is None else str(value), exact=name in KEYS)
    cell.font = _GREY if name in KEYS else Font()
    cell.alignment = _TOP if name in TEXTS else _PLAIN_TOP


def _put(sheet: Any, row: int, place: int, value: str | None, *, exact: bool = False) -> Any:
    """Write a text as a text: nothing in it is a formula, an error or a number, also after an edit in Excel."""
    cell = sheet.cell(row, place)
    cell.number_format = _TEXT_FORMAT
    if value is not None:
        text = exact_text(value) if exact else cell_text(value)
        cell.value = text
        cell.data_type = "s"
        cell.quotePrefix = text[:1] in ("=", "+", "-", "@")
    return cell


def cell_text(text: str) -> str:
    """A text as a cell can show it: what a workbook refuses becomes U+FFFD, and what is too long is cut, visibly."""
    shown = _ESCAPE.sub("_x005F_", _REFUSED.sub("\ufffd", text.replace("\r\n", "\n").replace("\r", "\n")))
    if utf16_length(shown) <= LONGEST_CELL:
        return shown
    room = LONGEST_CELL - len(CUT)
    kept = shown.encode("utf-16-le")[: 2 * room].decode("utf-16-le", "ignore")
    return re.sub(r"_(?:x[0-9A-Fa-f]{0,4})?\Z", "", kept) + CUT  # not within an escape


def exact_text(text: str) -> str:
    """A name as it is read back unchanged: what XML cannot hold is written in Excel's own escapes."""
    return re.sub("[\0-\x08\x0b\x0c\r\x0e-\x1f\ufffe\uffff]", _escaped, _ESCAPE.sub("_x005F_", text))


def _escaped(match: re.Match[str]) -> str:
    return f"_x{ord(match[0]):04X}_"


def utf16_length(text: str) -> int:
    """Length as Excel counts it."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
