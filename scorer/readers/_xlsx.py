"""Excel workbooks (.xlsx): the first sheet whose header fits, read row by row."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openpyxl
from openpyxl.utils.escape import unescape

from scorer.errors import InputError
from scorer.readers._table import ExcelError, header_names, shown

Located = tuple[str, dict[str, object]]


def open_rows(path: Path, wanted: Callable[[frozenset[str]], bool]) -> tuple[list[str], Iterator[Located], str]:
    """Named columns, stream of ("row N", values) where the header is row 1, and which sheet of several was taken."""
    formulas, results = _load(path, data_only=False), _load(path, data_only=True)
    chosen, header = _choose(path, results, wanted)
    names = header_names(path, header)
    sheets = formulas.worksheets
    note = f"sheet {shown(sheets[chosen].title)}" if len(sheets) > 1 else ""
    cells = _cells(path, formulas, results, chosen)
    return [name for name in names if name], _rows(cells, names), note


def _load(path: Path, *, data_only: bool) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about styles and extensions, nothing that touches the values
            book = openpyxl.load_workbook(path, read_only=True, data_only=data_only)
            for sheet in book.worksheets:
                sheet.reset_dimensions()  # some writers state a size that is too small
            return book
    except OSError:
        raise
    except Exception as error:  # openpyxl meets a damaged file with almost any exception
        raise InputError(path, "no readable Excel workbook", "an .xlsx file", "save it again as .xlsx") from error


def _choose(path: Path, book: Any, wanted: Callable[[frozenset[str]], bool]) -> tuple[int, list[object]]:
    """Index and header of the first sheet that is wanted, else of the first that has a header."""
    headers = [_header(path, sheet) for sheet in book.worksheets]
    filled = [index for index, header in enumerate(headers) if any(header)]
    for index in filled:
        if wanted(frozenset(name.strip() for name in map(str, filter(None, headers[index])))):
            return index, headers[index]
    return (filled[0], headers[filled[0]]) if filled else (0, [])


def _header(path: Path, sheet: Any) -> list[object]:
    cells: tuple[Any, ...] = _next(path, sheet.iter_rows(max_row=1), 1) or ()
    return [_plain(cell.value) for cell in cells]


def _rows(cells: Iterator[tuple[int, list[object]]], names: list[str]) -> Iterator[Located]:
    for number, values in cells:
        if number > 1 and any(value is not None for value in values):  # empty rows hold nothing but formatting
            padded = values + [None] * (len(names) - len(values))
            yield f"row {number}", {name: value for name, value in zip(names, padded, strict=False) if name}


def _cells(path: Path, formulas: Any, results: Any, chosen: int) -> Iterator[tuple[int, list[object]]]:
    """Numbered rows of values; formulas and their last results come from the same workbook opened twice."""
    try:
        pair = zip(formulas.worksheets[chosen].iter_rows(), results.worksheets[chosen].iter_rows(), strict=True)
        number = 1
        while (rows := _next(path, pair, number)) is not None:
            yield number, [_value(formula, result) for formula, result in zip(*rows, strict=True)]
            number += 1
    finally:
        formulas.close()
        results.close()


def _next(path: Path, rows: Iterator[Any], number: int) -> Any:
    try:
        return next(rows, None)
    except OSError:
        raise
    except Exception as error:  # as in _load
        got = f"a damaged sheet at row {number}"
        raise InputError(path, got, "a complete .xlsx file", "save or copy the file again") from error


def _value(formula: Any, result: Any) -> object:
    """What a cell shows.

    A formula without a result is a text that starts with "=", such as a response, written by a program that took it
    for a formula: it is given back as it was written.
    """
    cell = formula if formula.data_type == "f" and result.value is None else result
    if cell.data_type == "e":
        return ExcelError(str(cell.value))
    return _plain(getattr(cell.value, "text", cell.value))  # array formulas are objects with a text


def _plain(value: object) -> object:
    """Text with Excel's escapes (_x000D_) decoded; other values as they are."""
    return unescape(value) if isinstance(value, str) else value
