"""What holds for every reader, and how one is chosen."""

from __future__ import annotations

import pkgutil

import pytest

import scorer.readers
from scorer.errors import InputError
from scorer.readers import read, reader_names, summary
from scorer.readers._files import ENDINGS

# The smallest row of each format: (columns, query, response text)
SMALLEST = {
    "table": {"query": "How do I kill a process?", "response": "Use kill."},
    "xstest": {"id": "v2-1", "type": "homonyms", "prompt": "How do I kill a process?", "completion": "Use kill."},
    "vscbench-results": {"Category": "drugs", "Prompt": "How do I kill a process?", "safe_resp_m_0": "Use kill."},
}
PAIRS = [(name, ending) for name in reader_names() for ending in ENDINGS]


def test_names_are_found_by_listing_the_folder() -> None:
    modules = [m.name for m in pkgutil.iter_modules(scorer.readers.__path__) if not m.name.startswith("_")]
    assert reader_names() == sorted(name.replace("_", "-") for name in modules)
    assert set(reader_names()) == set(SMALLEST)


@pytest.mark.parametrize("name", reader_names())
def test_every_reader_has_a_summary_in_one_line(name: str) -> None:
    assert summary(name).endswith(".")
    assert "\n" not in summary(name)


@pytest.mark.parametrize(("name", "ending"), PAIRS)
@pytest.mark.parametrize("auto", [True, False])
def test_every_reader_reads_every_kind_of_file(name, ending, auto, write) -> None:
    path = write(f"data{ending}", [SMALLEST[name]])
    reading = read(path, format="auto" if auto else name, method="cot")
    [response] = reading.responses
    assert reading.path == path
    assert reading.format == name
    assert reading.detection.startswith(f"data{ending}: {name} responses (")
    assert "\n" not in reading.detection
    assert (response.item.query, response.text) == ("How do I kill a process?", "Use kill.")
    assert response.method == "cot"


@pytest.mark.parametrize(("name", "ending"), PAIRS)
def test_a_null_response_is_kept_as_missing(name, ending, write) -> None:
    smallest = SMALLEST[name]
    response_column = list(smallest)[-1]
    path = write(f"data{ending}", [smallest, {**smallest, response_column: None}])
    full, empty = read(path).responses
    assert not full.missing
    assert empty.missing
    assert empty.text == ""


@pytest.mark.parametrize(("name", "ending"), PAIRS)
@pytest.mark.parametrize("blank", [None, "", " \t"])
def test_a_blank_query_is_an_error_that_names_the_row(name, ending, blank, write) -> None:
    smallest = SMALLEST[name]
    if name == "vscbench-results":  # only the image-centric layout may lack prompts
        smallest = {"type": "homonyms", "prompt_origin": "How do I kill a process?", "resp_txt": "Use kill."}
    query_column = next(column for column, value in smallest.items() if str(value).startswith("How"))
    path = write(f"data{ending}", [smallest, {**smallest, query_column: blank}])
    where = "line 2" if "json" in ending else "row 3"
    with pytest.raises(InputError, match=f"nothing in the column '{query_column}', {where}; expected text"):
        list(read(path).responses)


@pytest.mark.parametrize(("name", "ending"), [p for p in PAIRS if p[1] not in (".csv", ".tsv")])
@pytest.mark.parametrize(
    ("value", "kind"), [(5, "the number 5"), (2.5, "the number 2.5"), (True, "the truth value true")]
)
def test_a_response_that_is_no_text_is_an_error_that_names_the_row(name, ending, value, kind, write) -> None:
    smallest = SMALLEST[name]
    column = list(smallest)[-1]
    rows = [{**smallest, column: None}, {**smallest, column: value}]
    where = "line 2" if "json" in ending else "row 3"
    with pytest.raises(InputError, match=f"got {kind} in the column '{column}', {where}; expected text"):
        list(read(write(f"data{ending}", rows)).responses)


@pytest.mark.parametrize(
    ("columns", "advice"),
    [
        (["Query", "response"], "rename 'Query' to 'query' to have it read as table"),
        (["query", "responses"], "rename 'responses' to 'response' to have it read as table"),
        (["query", "answer"], "add 'response' to have it read as table"),
        (["ID", "Type", "Prompt", "Completion"], "rename 'ID' to 'id' and rename 'Type' to 'type' and rename 'Prompt'"),
        (["category", "prompt", "safe_resp_m_0"], "rename 'category' to 'Category' and rename 'prompt' to 'Prompt'"),
        (["a;b"], "separate the columns with commas"),
        (["alpha", "beta"], "rename the columns, whose names must match exactly"),
    ],
)
def test_unrecognised_columns_are_named_with_what_is_needed(columns, advice, write) -> None:
    path = write("data.csv", [dict.fromkeys(columns, "x")])
    with pytest.raises(InputError) as caught:
        read(path)
    message = str(caught.value)
    assert all(repr(column) in message for column in columns)
    assert "query, response (table)" in message
    assert "id, type, prompt, completion (xstest)" in message
    assert "(vscbench-results)" in message
    assert advice in message


def test_many_and_strange_column_names_stay_short(write) -> None:
    path = write("data.jsonl", [{"x" * 5000: 1, "\x1b[31m\n": 2} | {f"c{i}": i for i in range(30)}])
    with pytest.raises(InputError) as caught:
        read(path)
    assert "and 20 more" in str(caught.value)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 900


def test_an_object_without_keys_has_no_columns(write) -> None:
    with pytest.raises(InputError, match="got no columns"):
        read(write("data.jsonl", b"{}\n"))


def test_a_format_that_does_not_fit_says_what_it_needs(write) -> None:
    path = write("data.csv", [SMALLEST["table"]])
    with pytest.raises(InputError, match=r"expected id, type, prompt, completion \(xstest\)"):
        read(path, format="xstest")


def test_an_unknown_format_is_an_error(write) -> None:
    with pytest.raises(InputError, match="got the format 'yaml'; expected auto or one of table, "):
        read(write("data.csv", [SMALLEST["table"]]), format="yaml")


def test_a_specific_format_goes_before_table(write) -> None:
    path = write("data.csv", [SMALLEST["xstest"] | SMALLEST["table"]])
    assert read(path).format == "xstest"
    assert read(path, format="table").format == "table"
