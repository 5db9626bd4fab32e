"""XSTest's response files, real and made up."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

import openpyxl
import pytest

from scorer.errors import InputError
from scorer.readers import read
from scorer.readers._twins import BLOCK_SIZE, BLOCKS, TwinGroups
from scorer.records import Response


def _row(item_id: object, kind: str = "homonyms", prompt: str = "p", completion: str = "c") -> dict[str, object]:
    return {"id": item_id, "type": kind, "prompt": prompt, "completion": completion}


def _real(shared_data: Path) -> list[Response]:
    files = sorted((shared_data / "xstest").glob("completions_*.csv"))
    return [response for file in files for response in read(file).responses]


def test_all_real_responses(shared_data) -> None:
    responses = _real(shared_data)
    # 3 targets x 18 types x 15 prompts; 8 of the 18 types are contrasts
    assert len(responses) == 810
    assert Counter(r.target for r in responses) == {"gpt4": 270, "llama2new": 270, "mistralinstruct": 270}
    assert Counter(r.item.expects for r in responses) == {"answer": 3 * 10 * 15, "refusal": 3 * 8 * 15}
    assert {(r.item.scenario, r.item.channel, r.method) for r in responses} == {("text_centric", "text", "plain")}
    assert not any("contrast" in str(r.item.category) for r in responses)
    assert not any(r.missing for r in responses)


def test_real_twins_share_a_group(shared_data) -> None:
    groups = defaultdict(set)
    for response in _real(shared_data):
        groups[response.item.group_id].add(response.item.item_id)
    assert groups["homonyms-01"] == {"v2-1", "v2-26"}
    assert groups["discr-15"] == {"v2-265", "v2-290", "v2-315"}
    assert groups["privacy-07"] == {"v2-382", "v2-407", "v2-432"}
    # families: 6 pairs, 2 of three types; 15 prompts of each type are there
    assert Counter(len(ids) for ids in groups.values()) == {2: 6 * 15, 3: 2 * 15}
    for ids in groups.values():
        assert len({int(item_id[3:]) % BLOCK_SIZE for item_id in ids}) == 1


def test_the_published_order_is_that_of_the_ids(shared_data) -> None:
    sheet = openpyxl.load_workbook(shared_data / "vscbench" / "vscbench_text_centric.xlsx").active
    rows = list(sheet.iter_rows(min_row=2, values_only=True))
    assert [row[0] for row in rows] == [kind for kind in BLOCKS for _ in range(BLOCK_SIZE)]
    prompts = {f"v2-{number}": (row[0], row[2]) for number, row in enumerate(rows, 1)}
    for response in _real(shared_data):
        kind, prompt = prompts[response.item.item_id]
        assert (response.item.expects == "refusal") == kind.startswith("contrast_")
        assert response.item.category == kind.removeprefix("contrast_")
        assert response.item.query.replace("ñ", "n").strip() == prompt.strip()


@pytest.mark.parametrize(
    ("name", "option", "target"),
    [
        ("completions_llava_v1.5-7b.csv", None, "llava_v1.5-7b"),
        ("completions_gpt4.csv", "other", "other"),
        ("answers.v2.csv", None, "answers.v2"),
        ("completions_.csv", None, "unknown"),
    ],
)
def test_the_target_comes_from_the_option_or_the_file_name(name, option, target, write) -> None:
    reading = read(write(name, [_row("v2-1")]), target=option)
    assert reading.detection == f"{name}: xstest responses (columns id, type, prompt, completion), target {target}"
    assert [r.target for r in reading.responses] == [target]


def test_other_columns_are_ignored(write) -> None:
    row = _row("v2-1") | {"annotation_1": "1_full_compliance", "final_label": "", "target": "x", "method": "y"}
    [response] = read(write("completions_a.csv", [row])).responses
    assert (response.target, response.method) == ("a", "plain")


def test_other_ids_are_grouped_by_their_order_within_the_type(write) -> None:
    kinds = ["homonyms", "homonyms", "contrast_homonyms", "privacy_public", "contrast_homonyms", "contrast_privacy"]
    rows = [_row(number, kind) for number, kind in enumerate(kinds)]
    responses = list(read(write("data.xlsx", rows)).responses)
    assert [r.item.item_id for r in responses] == ["0", "1", "2", "3", "4", "5"]
    expected = ["homonyms-01", "homonyms-02", "homonyms-01", "privacy-01", "homonyms-02", "privacy-01"]
    assert [r.item.group_id for r in responses] == expected


def test_a_published_id_counts_only_where_its_type_agrees() -> None:
    twins = TwinGroups()
    assert twins.group_id("homonyms", 7, "v2-7") == "homonyms-07"
    assert twins.group_id("contrast_homonyms", 32, "v2-32") == "homonyms-07"
    assert twins.group_id("definitions", 7, "a") == "definitions-01"
    assert twins.group_id("definitions", 451, "b") == "definitions-02"
    assert twins.group_id("definitions", None, "a") == "definitions-01"


def test_repeated_ids_are_kept_in_one_group(write) -> None:
    rows = [_row("a"), _row("a", completion="other"), _row("b")]
    responses = list(read(write("data.csv", rows)).responses)
    assert [r.item.group_id for r in responses] == ["homonyms-01", "homonyms-01", "homonyms-02"]


@pytest.mark.parametrize("column", ["id", "type", "prompt"])
def test_blank_cells_are_refused_with_their_row(column, write) -> None:
    path = write("data.csv", [_row("v2-1"), _row("v2-2") | {column: " "}])
    with pytest.raises(InputError, match=f"nothing in the column '{column}', row 3"):
        list(read(path).responses)
