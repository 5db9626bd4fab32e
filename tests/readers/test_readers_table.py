"""The table format: which values are taken, filled in or refused."""

from __future__ import annotations

import pytest

from scorer.errors import InputError
from scorer.readers import read
from scorer.readers._files import ENDINGS
from scorer.records import Item, Response

FULL = {
    "query": " How? ",
    "response": " So. ",
    "item_id": "i-1",
    "target": "llava_v1.5-7b",
    "method": "one_shot",
    "channel": "image",
    "scenario": "image_centric",
    "category": "drugs",
    "group_id": "g",
    "expects": "refusal",
    "note": "ignored",
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_all_columns_are_taken(ending, write) -> None:
    item = Item("i-1", " How? ", "refusal", "image_centric", "image", "drugs", "g")
    reading = read(write(f"data{ending}", [FULL]), target="other", method="other")
    assert list(reading.responses) == [Response(item, "llava_v1.5-7b", "one_shot", " So. ")]
    assert reading.detection.endswith(
        "(columns query, response, item_id, target, method, channel, scenario, category, group_id, expects), "
        "target from its column"
    )


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_is_not_there_has_defaults(ending, write) -> None:
    path = write(f"data{ending}", [{"query": "a", "response": "x"}, {"query": "b", "response": "y"}])
    first, second = read(path).responses
    assert first == Response(Item("1", "a"), "unknown", "plain", "x")
    assert second.item.item_id == "2"
    assert read(path).detection.endswith("target unknown")


@pytest.mark.parametrize("ending", ENDINGS)
def test_options_fill_null_and_blank_cells(ending, write) -> None:
    empty = dict.fromkeys(FULL, None) | {"query": "a", "response": "x"}
    path = write(f"data{ending}", [FULL, empty, empty | {"target": " ", "method": "", "expects": " ", "group_id": ""}])
    _, null, blank = read(path, target="t", method="m").responses
    assert null == Response(Item("2", "a"), "t", "m", "x")
    assert blank == Response(Item("3", "a"), "t", "m", "x")


@pytest.mark.parametrize("ending", [".jsonl", ".parquet", ".xlsx"])
@pytest.mark.parametrize(("number", "name"), [(5, "5"), (5.0, "5"), (-1.5, "-1.5"), (1e16, "10000000000000000")])
def test_numbers_name_items_targets_and_groups(ending, number, name, write) -> None:
    row = {"query": "a", "response": "x", "item_id": number, "target": number, "group_id": number, "category": number}
    [response] = read(write(f"data{ending}", [row])).responses
    item = response.item
    assert (item.item_id, response.target, item.group_id, item.category) == (name,) * 4


@pytest.mark.parametrize("ending", [".jsonl", ".parquet", ".xlsx"])
def test_truth_values_name_nothing(ending, write) -> None:
    path = write(f"data{ending}", [{"query": "a", "response": "x", "item_id": True}])
    with pytest.raises(InputError, match=r"the truth value true in the column 'item_id', (line 1|row 2)"):
        list(read(path).responses)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("value", ["refuse", "Answer", "1", "a\nb"])
def test_unknown_expects_is_refused_with_its_row(ending, value, write) -> None:
    path = write(f"data{ending}", [FULL, {**FULL, "expects": value}])
    where = "line 2" if "json" in ending else "row 3"
    with pytest.raises(InputError) as caught:
        list(read(path).responses)
    got = ascii(value) if "\n" in value else repr(value)
    assert f"got {got} in the column 'expects', {where}; expected answer or refusal, or nothing" in str(caught.value)


def test_a_workbook_error_in_an_id_is_refused(write) -> None:
    path = write("data.xlsx", [{"query": "a", "response": "x", "item_id": "#REF!"}])
    with pytest.raises(InputError, match="the spreadsheet error #REF! in the column 'item_id', row 2"):
        list(read(path).responses)


def test_a_failed_row_has_no_response_and_an_image_alone_may_be_the_query(write) -> None:
    """What `scorer generate` writes: its errors are missing responses, never refusals."""
    rows = [
        {"query": "a", "response": "I cannot", "image": "a.png", "status": "error"},
        {"query": "", "response": "x", "image": "a.png", "status": "ok"},
        {"query": "c", "response": "x", "image": None, "status": True},
    ]
    failed, image, other = read(write("r.jsonl", rows)).responses
    assert failed.missing
    assert (image.item.query, image.text) == ("", "x")
    assert other.text == "x"
    with pytest.raises(InputError, match="nothing in the column 'query'"):
        list(read(write("q.jsonl", [{"query": " ", "response": "x", "image": ""}])).responses)
