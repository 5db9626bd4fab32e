"""Files of every kind: what must come through untouched, and what must be refused, with its row."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
import tracemalloc
import zipfile
from datetime import datetime
from pathlib import Path

import openpyxl
import polars as pl
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from scorer.errors import InputError
from scorer.readers import read
from scorer.readers._files import ENDINGS

ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]))
# XML 1.0 forbids most control characters and turns \r into \n: no writer can put them into a workbook as they are
XML_TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff") | st.just("\n"))
STRANGE = [
    "\0",
    "a\r\nb\rc\n",
    " \"quoted\", 'x'\t",
    "\x1b[31m\x07",
    "مرحبا\u202e!",
    "👩🏽‍💻🏳️‍🌈",
    "\ufeffBOM",
    "\u2028\x85\x1c",
    "=1+1",
]


def _texts(path: Path) -> list[str]:
    return [response.text for response in read(path).responses]


def _rows(texts: list[str]) -> list[dict[str, str]]:
    return [{"query": "q", "response": text} for text in texts]


@pytest.mark.parametrize("ending", [ending for ending in ENDINGS if ending != ".xlsx"])
@given(texts=st.lists(ANY_TEXT, min_size=1, max_size=5))
@example(texts=STRANGE)
@settings(max_examples=40, deadline=None)
def test_any_text_comes_through(ending, texts, write) -> None:
    assert _texts(write(f"data{ending}", _rows(texts))) == texts


@given(texts=st.lists(XML_TEXT, min_size=1, max_size=5))
@example(texts=["=1+1", "=====", "= a list", " blank ", "'", "5", "TRUE", "\n\n", "👩🏽‍💻 مرحبا\u202e"])
@settings(max_examples=40, deadline=None)
def test_any_text_comes_through_a_workbook(texts, write) -> None:
    assume(not any("_x" in text for text in texts))
    assert _texts(write("data.xlsx", _rows(texts))) == texts


@pytest.mark.parametrize("ending", [ending for ending in ENDINGS if ending != ".xlsx"])
def test_a_text_of_5_mb_comes_through(ending, write) -> None:
    long = "naïve \0 text, " * 360_000
    assert _texts(write(f"data{ending}", _rows([long, "next"]))) == [long, "next"]


@given(text=st.text())
@example(text="\ud800")
@example(text="a\udc00\ud800b")
@settings(max_examples=40, deadline=None)
def test_every_text_from_json_can_be_stored(text, write) -> None:
    line = json.dumps({"query": "q", "response": text}).encode()
    [got] = _texts(write("data.jsonl", line))
    assert got.encode("utf-8").decode("utf-8") == got
    assert len(got) <= len(text)
    if not any("\ud800" <= char <= "\udfff" for char in text):
        assert got == text


def test_lone_surrogates_are_replaced_and_pairs_joined(write) -> None:
    line = rb'{"query": "q", "response": "x\ud800y \udc00 \ud83d\ude00"}'
    assert _texts(write("data.jsonl", line)) == ["x\ufffdy \ufffd \U0001f600"]


def test_excel_escapes_are_decoded(write) -> None:
    escaped = ["a_x000D_\nb", "_x0000__x001B_[m", "_x005F_x000D_", "_xD83D__xDE00_", "_xD800_", "_x00_"]
    decoded = ["a\r\nb", "\0\x1b[m", "_x000D_", "\U0001f600", "\ufffd", "_x00_"]
    assert _texts(write("data.xlsx", _rows(escaped))) == decoded


@pytest.mark.parametrize("ending", [".jsonl", ".csv", ".tsv"])
def test_a_byte_order_mark_is_accepted(ending, write) -> None:
    path = write(f"data{ending}", _rows(["r"]))
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert _texts(path) == ["r"]


@pytest.mark.parametrize("ending", ENDINGS)
def test_blanks_around_header_names_are_ignored(ending, write) -> None:
    assert _texts(write(f"data{ending}", [{" query ": "q", "response\t": "r"}])) == ["r"]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_csv_accepts_every_line_end_and_skips_empty_lines(newline, write) -> None:
    lines = ["query,response", "q,1", "", "q,2", ""]
    path = write("data.csv", newline.join(lines).encode())
    assert _texts(path) == ["1", "2"]


def test_csv_columns_without_a_name_are_ignored(write) -> None:
    assert _texts(write("data.csv", b",query,response,\n0,q,r,\n")) == ["r"]


def test_jsonl_may_leave_keys_out_and_hold_empty_lines(write) -> None:
    path = write(
        "data.jsonl", b'{"query": "a"}\n\n  \r\n{"query": "b", "response": "r"}\n{"query": "c", "response": NaN}'
    )
    assert _texts(path) == ["", "r", ""]


def test_a_name_with_brackets_and_capitals_is_just_a_name(write) -> None:
    path = write("data.parquet", _rows(["r"]))
    odd = path.rename(path.with_name("a[1]=*?.PARQUET"))
    assert _texts(odd) == ["r"]


def _sheets(path: Path, sheets: dict[str, list[list[object]]]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


def test_the_first_sheet_that_fits_is_taken_and_named(tmp_path) -> None:
    rows = [["query", "response"], ["q", "r"]]
    path = _sheets(tmp_path / "a.xlsx", {"Empty": [], "Notes": [["a", "a"]], "Data": rows, "More": rows})
    reading = read(path)
    assert reading.detection.startswith("a.xlsx, sheet 'Data': table responses")
    assert [response.text for response in reading.responses] == ["r"]


def test_a_workbook_without_a_fitting_sheet_names_the_columns_of_the_first(tmp_path) -> None:
    path = _sheets(tmp_path / "a.xlsx", {"Empty": [], "Notes": [["alpha"], [1]], "Data": [["beta"]]})
    with pytest.raises(InputError, match="got the columns 'alpha'"):
        read(path)


def test_empty_rows_of_a_workbook_are_skipped_but_counted(tmp_path) -> None:
    rows = [["query", "response"], ["q", "r"], [None, None], ["q", 5]]
    path = _sheets(tmp_path / "a.xlsx", {"Data": rows})
    with pytest.raises(InputError, match="row 4"):
        list(read(path).responses)


def test_a_formula_gives_its_result(tmp_path) -> None:
    path = _sheets(tmp_path / "a.xlsx", {"Data": [["query", "response"], ["q", '="a"&"b"']]})
    changed = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(changed, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name.endswith("sheet1.xml"):
                assert b"<v />" in data or b"<v/>" in data or b"<v></v>" in data
                for empty in (b"<v />", b"<v/>", b"<v></v>"):
                    data = data.replace(empty, b"<v>ab</v>")
                data = data.replace(b'<c r="B2">', b'<c r="B2" t="str">')
            new.writestr(name, data)
    path.write_bytes(changed.getvalue())
    assert _texts(path) == ["ab"]


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("#N/A", "the spreadsheet error #N/A"),
        (datetime(2026, 1, 2), "the date or time 2026-01-02"),
        (1.5, "the number 1.5"),
        (False, "the truth value false"),
    ],
)
def test_workbook_cells_that_are_no_text(value, kind, tmp_path) -> None:
    path = _sheets(tmp_path / "a.xlsx", {"Data": [["query", "response"], ["q", "r"], ["q", value]]})
    with pytest.raises(InputError, match=f"got {kind}.* in the column 'response', row 3; expected text"):
        list(read(path).responses)


@pytest.mark.parametrize(
    ("value", "kind"),
    [("[1]", "a list"), ('{"a": 1}', "an object"), ("1e400", "the number inf"), ("0", "the number 0")],
)
@pytest.mark.parametrize("column", ["query", "response"])
def test_json_values_that_are_no_text(value, kind, column, write) -> None:
    other = {"query": "response", "response": "query"}[column]
    path = write("data.jsonl", f'{{"query": "q", "response": "r"}}\n{{"{column}": {value}, "{other}": "x"}}'.encode())
    with pytest.raises(InputError, match=f"got {kind} in the column '{column}', line 2"):
        list(read(path).responses)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([["a"], ["b"]], "a list"),
        ([{"a": 1}] * 2, "an object"),
        ([b"a", b"b"], "a value of type bytes"),
        ([1, 2], "the number 1"),
    ],
)
def test_parquet_columns_of_the_wrong_type(values, kind, tmp_path) -> None:
    path = tmp_path / "a.parquet"
    pl.DataFrame({"query": ["q", "q"], "response": values}).write_parquet(path)
    with pytest.raises(InputError, match=f"got {kind} in the column 'response', row 2"):
        list(read(path).responses)


def test_parquet_categories_are_text(tmp_path) -> None:
    path = tmp_path / "a.parquet"
    frame = pl.DataFrame({"query": ["q", "q"], "response": ["a", None]})
    frame.with_columns(pl.col("query", "response").cast(pl.Categorical)).write_parquet(path)
    assert _texts(path) == ["a", ""]


GOOD = b'{"query": "q", "response": "r"}\n'
BAD = {
    # file name: {what is wrong: (bytes, what the message says)}
    "a.jsonl": {
        "broken line": (GOOD * 16 + b'{"query": "q", "response": "r"\n' + GOOD, "broken JSON in line 17"),
        "broken line far on": (GOOD * 500 + b"oops\n", "broken JSON in line 501"),
        "cut off": (GOOD + GOOD[:-8], "broken JSON in line 2"),
        "blank lines count": (GOOD + b"\n\n" + b"{\n", "broken JSON in line 4"),
        "list": (GOOD + b"[1, 2]\n", "JSON that is no object in line 2"),
        "text": (b'"query"\n', "JSON that is no object in line 1"),
        "null": (GOOD + b"null\n", "JSON that is no object in line 2"),
        "latin-1": (GOOD + '{"query": "é"}\n'.encode("latin-1"), "bytes that are not UTF-8 in line 2"),
        "UTF-16": (GOOD.decode().encode("utf-16"), "UTF-16 text in line 1"),
        "UTF-16 without a mark": (GOOD.decode().encode("utf-16-le"), "UTF-16 text in line 1"),
        "key twice": (GOOD + b'{"query": "a", "response": "b", "query ": "c"}\n', "the key 'query' twice in line 2"),
        "too deep": (GOOD + b'{"query": ' + b"[" * 100_000 + b"\n", "cannot be read in line 2"),
        "endless number": (GOOD + b'{"query": ' + b"9" * 5000 + b"}\n", "cannot be read in line 2"),
        "empty": (b"", "an empty file"),
        "blank": (b"\n \n", "no rows"),
    },
    "a.csv": {
        "too many": (b'query,response\nq,"a\n\nb"\n"q",r,x\n', "3 fields in row 3; expected 2"),
        "too few": (b"query,response\nq,r\nq\n", "1 fields in row 3; expected 2"),
        "open quote": (b'query,response\nq,r\nq,"r\n', "broken quoting in row 3"),
        "text after a quote": (b'query,response\nq,"r"r\n', "broken quoting in row 2"),
        "header twice": (b"query,response, query\nq,r,s\n", "the column 'query' twice"),
        "no header": (b",,\nq,r,s\n", "no header"),
        "blank": (b"\n\n", "no header"),
        "header only": (b"query,response\n", "no rows"),
        "empty": (b"", "an empty file"),
        "latin-1": (b'query,response\nq,"a\nb"\nq,caf\xe9\n', "bytes that are not UTF-8 in row 3"),
        "latin-1 far on": (b"query,response\n" + b"q,r\n" * 50_000 + b"q,\xff\n", "not UTF-8 in row 50002"),
        "UTF-16": ("query,response\nq,r\n".encode("utf-16"), "UTF-16 text in row 1"),
    },
    "a.tsv": {
        "too many": (b"query\tresponse\nq\tr\ts\n", "3 fields in row 2; expected 2"),
        "header only": (b"query\tresponse\n", "no rows"),
    },
    "a.xlsx": {
        "text": (b"query,response\nq,r\n", "no readable Excel workbook"),
        "another zip": (b"PK\x05\x06" + b"\0" * 18, "no readable Excel workbook"),
        "empty": (b"", "an empty file"),
    },
    "a.parquet": {
        "text": (b"query,response\nq,r\n", "no readable Parquet file"),
        "marks alone": (b"PAR1PAR1", "no readable Parquet file"),
        "empty": (b"", "an empty file"),
    },
    "a.json": {"a kind unknown here": (b"[]", "the file ending '.json'; expected one of .jsonl, ")},
    "responses": {"no ending": (b"x", "the file ending ''")},
    "a.xls": {"old workbook": (b"x", "the file ending '.xls'")},
}
BAD_CASES = [
    pytest.param(name, *case, id=f"{name}: {what}") for name, cases in BAD.items() for what, case in cases.items()
]


@pytest.mark.parametrize(("name", "content", "says"), BAD_CASES)
def test_bad_files_are_refused_in_one_sentence(name, content, says, write) -> None:
    path = write(name, content)
    with pytest.raises(InputError) as caught:
        list(read(path).responses)
    message = str(caught.value)
    assert message.startswith(f"{path}: got ")
    assert says in message
    assert "; expected " in message
    assert message.isprintable()
    assert message.endswith(".")


@pytest.mark.parametrize("ending", [".parquet", ".xlsx"])
@pytest.mark.parametrize("part", [0.2, 0.5, 0.99])
def test_truncated_files_are_refused(ending, part, write) -> None:
    path = write(f"data{ending}", _rows([f"text {i}" for i in range(500)]))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * part)])
    with pytest.raises(InputError, match=r"no readable (Parquet file|Excel workbook)"):
        read(path)


def test_damage_inside_a_workbook_names_the_row(write) -> None:
    path = write("data.xlsx", _rows([f"text {i}" for i in range(500)]))
    changed = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(changed, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            new.writestr(name, data.replace(b'<row r="300"', b'<row r="oops"') if "sheet1" in name else data)
    path.write_bytes(changed.getvalue())
    with pytest.raises(InputError, match="a damaged sheet at row"):
        list(read(path).responses)


@pytest.mark.parametrize("ending", [".parquet", ".xlsx"])
def test_a_header_alone_is_refused(ending, tmp_path) -> None:
    path = tmp_path / f"a{ending}"
    if ending == ".parquet":
        pl.DataFrame({"query": [], "response": []}).write_parquet(path)
    else:
        _sheets(path, {"Data": [["query", "response"]]})
    with pytest.raises(InputError, match="got no rows; expected a header and at least one row"):
        read(path)


def test_an_empty_workbook_has_no_header(tmp_path) -> None:
    with pytest.raises(InputError, match="got no header"):
        read(_sheets(tmp_path / "a.xlsx", {"Data": []}))


def test_a_header_twice_in_a_workbook_is_refused(tmp_path) -> None:
    path = _sheets(tmp_path / "a.xlsx", {"Data": [["query", "response", "response "], ["q", "r", "s"]]})
    with pytest.raises(InputError, match="the column 'response' twice"):
        read(path)


@pytest.mark.parametrize("ending", ENDINGS)
def test_missing_files_and_folders(ending, tmp_path) -> None:
    with pytest.raises(InputError, match="got no such file"):
        read(tmp_path / f"absent{ending}")
    folder = tmp_path / f"folder{ending}"
    folder.mkdir()
    with pytest.raises(InputError, match="got a folder"):
        read(folder)


@pytest.mark.parametrize("ending", ENDINGS)
def test_rows_before_a_bad_one_are_delivered_first(ending, write) -> None:
    path = write(f"data{ending}", [*_rows(["r"] * 400), {"query": "", "response": "r"}])
    responses = read(path).responses
    assert [next(responses).text for _ in range(400)] == ["r"] * 400
    with pytest.raises(InputError, match="line 401" if "json" in ending else "row 402"):
        next(responses)


@pytest.mark.parametrize("ending", [".jsonl", ".csv"])
def test_memory_does_not_grow_with_the_rows(ending, tmp_path) -> None:
    path = tmp_path / f"a{ending}"
    with path.open("w", newline="") as file:
        if ending == ".csv":
            csv.writer(file).writerow(["query", "response"])
        for i in range(5_000):
            row = {"query": f"q {i}", "response": "text " * 800}
            file.write(json.dumps(row) + "\n" if ending == ".jsonl" else ",".join(row.values()) + "\n")
    tracemalloc.start()
    try:
        assert sum(1 for _ in read(path).responses) == 5_000
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2_000_000  # bytes; the file has 20 million


def test_memory_does_not_grow_with_the_rows_of_a_parquet_file(tmp_path) -> None:
    path = tmp_path / "a.parquet"
    frame = pl.DataFrame({"query": [f"q {i}" for i in range(30_000)]})
    frame.with_columns(response=pl.col("query") + " text" * 2000).write_parquet(path)
    code = (
        "import resource, sys; from pathlib import Path; from scorer.readers import read\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "responses = read(Path(sys.argv[1])).responses; next(responses); before = peak()\n"
        "assert sum(1 for _ in responses) == 29_999; print(peak() - before)"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", code, str(path)], cwd=root, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 100_000  # kilobytes; the texts have 300,000


def test_light_files_load_no_heavy_library() -> None:
    code = "import sys, scorer.readers as r; r.reader_names(); print({'polars', 'openpyxl'} & set(sys.modules))"
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
