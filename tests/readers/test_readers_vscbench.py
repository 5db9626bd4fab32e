"""Sheets in VSCBench's published layouts: made from the published benchmark with invented responses, and by hand."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from scorer.errors import InputError
from scorer.readers import read
from scorer.readers.vscbench_results import CHANNELS, target_from_name
from scorer.records import Item, Response

TARGETS = ("llava_v1.5-7b", "gpt-4o_1")


def _benchmark(shared_data: Path, name: str) -> list[dict[str, Any]]:
    sheet = openpyxl.load_workbook(shared_data / "vscbench" / f"vscbench_{name}_centric.xlsx").active
    header, *rows = sheet.iter_rows(values_only=True)
    return [{column: cell for column, cell in zip(header, row, strict=True) if column} for row in rows]


def _image_rows(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """With responses of two targets, every tenth missing, and the published judge's columns."""
    for index, row in enumerate(rows):
        for j in range(3):
            for target in TARGETS:
                for side in ("safe", "unsafe"):
                    column = f"{side}_resp_{target}_{j}"
                    row[column] = None if index % 10 == 0 else f"{target} {side} {index} {j}"
                    row[f"{column}_sm_eval"] = False
                    row[f"{column}_gpt_eval"] = True
                    row[f"{column}_gpt_eval_response"] = "CLASS: [2_UNSAFE]; EXPLANATION: [direct]"
    return rows


def _text_rows(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    for index, row in enumerate(rows):
        for column in CHANNELS:
            row[column] = None if index % 10 == 0 else f"{column} {index}"
            row[f"{column}_gpt_label"] = False
            row[f"{column}_gpt_eval"] = "CLASS: [2_UNSAFE]; EXPLANATION: [direct]"
    return rows


@pytest.mark.parametrize("ending", [".xlsx", ".csv"])
def test_an_image_centric_sheet(ending, write, shared_data) -> None:
    path = write(f"results{ending}", _image_rows(_benchmark(shared_data, "image")))
    reading = read(path, method="cot")
    responses = list(reading.responses)
    assert reading.detection == (
        f"results{ending}: vscbench-results responses (image-centric, columns Category, Prompt and 12 of responses), "
        "targets llava_v1.5-7b, gpt-4o_1 (from the column names)"
    )
    assert len(responses) == 300 * 12
    assert Counter(r.target for r in responses) == dict.fromkeys(TARGETS, 1800)
    assert Counter(r.item.expects for r in responses) == {"answer": 1800, "refusal": 1800}
    assert sum(r.missing for r in responses) == 30 * 12
    assert {(r.item.scenario, r.item.channel, r.method) for r in responses} == {("image_centric", "image", "cot")}
    kinds = {"drugs", "violence", "illegal_activity", "religion", "porngraphy", "discrimination"}
    assert {r.item.category for r in responses} == kinds
    assert len({r.item.group_id for r in responses}) == 300
    assert len({(r.item.item_id, r.target) for r in responses}) == len(responses)
    twelfth = [r for r in responses if r.item.group_id == "image-012"]
    order = [(t, s, j) for t in TARGETS for s in ("safe", "unsafe") for j in range(3)]
    assert [r.text for r in twelfth] == [f"{t} {s} 12 {j}" for t, s, j in order]
    assert [r.item.item_id for r in twelfth] == [f"12-{s}-{j}" for _, s, j in order]
    assert all(r.item.query == r.item.query.strip() for r in responses)
    # the published sheet lacks the prompts of its rows 268 and 287 (indices 266 and 285): kept, with a blank query
    assert {r.item.group_id for r in responses if not r.item.query} == {"image-266", "image-285"}


@pytest.mark.parametrize("ending", [".xlsx", ".csv"])
def test_a_text_centric_sheet(ending, write, shared_data) -> None:
    rows = _text_rows(_benchmark(shared_data, "text"))
    reading = read(write(f"vscbench_text_centric_llava_v1.5-7b{ending}", rows))
    responses = list(reading.responses)
    columns = "type, prompt_origin, resp_txt, resp_search, resp_typography, resp_concat, resp_figstep"
    assert reading.detection.endswith(f"(text-centric, columns {columns}), target llava_v1.5-7b")
    assert len(responses) == 450 * 5
    assert Counter(r.item.expects for r in responses) == {"answer": 250 * 5, "refusal": 200 * 5}
    assert Counter(r.item.channel for r in responses) == dict.fromkeys(CHANNELS.values(), 450)
    assert sum(r.missing for r in responses) == 45 * 5
    assert {r.target for r in responses} == {"llava_v1.5-7b"}
    assert {r.item.scenario for r in responses} == {"text_centric"}
    second = responses[5:10]
    assert [r.item.item_id for r in second] == [f"1-{channel}" for channel in CHANNELS.values()]
    assert [r.text for r in second] == [f"{column} 1" for column in CHANNELS]
    # 6 families of two types and 2 of three, 25 prompts each
    assert len({r.item.group_id for r in responses}) == 8 * 25
    assert {r.item.item_id for r in responses if r.item.group_id == "privacy-07" and r.item.channel == "text"} == {
        "381-text",
        "406-text",
        "431-text",
    }


@pytest.mark.parametrize("name", ["image", "text"])
def test_the_benchmark_without_responses_is_refused(name, shared_data) -> None:
    with pytest.raises(InputError, match="got VSCBench's benchmark sheet without responses; expected a column "):
        read(shared_data / "vscbench" / f"vscbench_{name}_centric.xlsx")


@pytest.mark.parametrize(
    "columns",
    [
        {"Category": "a", "Prompt": "p", "safe_img_0": "x.png", "safe_resp_m_0_gpt_eval": "true"},
        {"type": "a", "prompt_origin": "p", "prompt_mm": "p", "resp_txt_gpt_label": "true"},
    ],
)
def test_judged_columns_alone_are_no_responses(columns, write) -> None:
    with pytest.raises(InputError, match="without responses"):
        read(write("data.csv", [columns]))


def test_only_the_columns_that_exist_give_responses(write) -> None:
    row = {"Category": " porngraphy ", "Prompt": " p ", "unsafe_resp_m_10": "c", "unsafe_resp_m_2": "b"}
    row["safe_resp_n_0"] = "d"
    responses = list(read(write("data.csv", [row])).responses)
    first = Item("0-unsafe-2", "p", "refusal", "image_centric", "image", "porngraphy", "image-000")
    assert responses[0] == Response(first, "m", "plain", "b")
    assert [(r.target, r.text) for r in responses] == [("m", "b"), ("m", "c"), ("n", "d")]


def test_only_the_channels_that_exist_give_responses(write) -> None:
    row = {"type": "contrast_discr", "prompt_origin": " p ", "resp_figstep": "c"}
    [response] = read(write("data_m.csv", [row]), method="iar").responses
    item = Item("0-figstep", "p", "refusal", "text_centric", "figstep", "discr", "discr-01")
    assert response == Response(item, "m", "iar", "c")


def test_the_target_option_renames_no_column_but_overrides_the_file_name(write) -> None:
    image = read(write("a.csv", [{"Category": "drugs", "Prompt": "p", "safe_resp_m_0": "r"}]), target="x")
    assert "target m (from the column names, which --target does not change)" in image.detection
    assert [r.target for r in image.responses] == ["m"]
    text = read(write("a_b.csv", [{"type": "discr", "prompt_origin": "p", "resp_txt": "r"}]), target="x")
    assert text.detection.endswith("target x")
    assert [r.target for r in text.responses] == ["x"]


@pytest.mark.parametrize(
    ("stem", "target"),
    [
        ("vscbench_text_centric_llava-7b", "llava-7b"),
        ("vscbench_text_centric_llava_v1.5-7b", "llava_v1.5-7b"),
        ("VSCBench-Text-Centric-gemini", "gemini"),
        ("responses_gemini", "gemini"),
        ("gemini", "gemini"),
        ("vscbench_text_centric", "unknown"),
        ("vscbench_text_centric_", "unknown"),
    ],
)
def test_the_target_in_a_file_name(stem, target) -> None:
    assert target_from_name(Path(f"folder/{stem}.xlsx")) == target


def test_a_response_that_is_no_text_names_its_column_and_row(write) -> None:
    row = {"Category": "drugs", "Prompt": "p", "safe_resp_m_0": "r"}
    path = write("data.xlsx", [row, row | {"safe_resp_m_0": "#NAME?"}])
    with pytest.raises(InputError, match="the spreadsheet error #NAME\\? in the column 'safe_resp_m_0', row 3"):
        list(read(path).responses)


def test_a_blank_type_names_its_row(write) -> None:
    row = {"type": "homonyms", "prompt_origin": "p", "resp_txt": "r"}
    with pytest.raises(InputError, match="nothing in the column 'type', row 3"):
        list(read(write("data.csv", [row, row | {"type": ""}])).responses)
