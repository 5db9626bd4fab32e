"""VSCBench's judged sheets, XSTest's label files, plain tables; and what holds for every format."""

from __future__ import annotations

import csv
import json
import pkgutil
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
import pytest

import scorer.references.formats
from scorer.errors import InputError
from scorer.readers import read
from scorer.records import Reference
from scorer.references.formats import format_names
from scorer.references.incoming import ImportedFile, import_labels

SMALLEST: dict[str, dict[str, Any]] = {
    "table": {"item_id": "7", "label": "0_SAFE"},
    "xstest-labels": {"id": "7", "gpt4_label": "0_SAFE"},
    "vscbench-judged": {"Category": "drugs", "Prompt": "q", "safe_resp_m_0": "r", "safe_resp_m_0_gpt_eval": True},
    "people-sheet": {
        **{"item_id": "7", "target": "m", "method": "plain", "probability": 1},
        **{"query": "q", "response": "r", "ann": "0_SAFE"},
    },
    "openai-batch": {
        "custom_id": '{"item":"7","target":"m","method":"plain","p":1,"rubric":"vscbench"}',
        "response": {"status_code": 200, "body": {"choices": [{"message": {"content": "0_SAFE"}}]}},
        "error": None,
    },
}


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    values = [[row.get(name) for name in columns] for row in rows]
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif path.suffix == ".csv":
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([columns, *values])
    elif path.suffix == ".parquet":
        pl.DataFrame(values, schema=columns, orient="row").write_parquet(path)
    else:
        book = openpyxl.Workbook()
        for row in [columns, *values]:
            book.active.append(row)
        book.save(path)
    return path


def imported(path: Path, rubric, **options: Any) -> ImportedFile:
    [file] = import_labels([path], rubric, **options)
    return file


def short(references: list[Reference]) -> list[tuple[str, str | None, str, str | None]]:
    return [(r.item_id, r.target, r.annotator, r.label) for r in references]


def test_formats_are_found_by_listing_the_folder() -> None:
    modules = [m.name for m in pkgutil.iter_modules(scorer.references.formats.__path__) if not m.name.startswith("_")]
    assert format_names() == sorted(name.replace("_", "-") for name in modules)
    assert set(format_names()) == set(SMALLEST)


FLAT = [name for name in SMALLEST if name != "openai-batch"]  # whose results are nested


@pytest.mark.parametrize(
    ("name", "ending"),
    [("openai-batch", ".jsonl"), *((name, end) for name in FLAT for end in (".jsonl", ".csv", ".parquet", ".xlsx"))],
)
def test_every_format_is_recognised_in_every_kind_of_file(name, ending, tmp_path, vscbench) -> None:
    file = imported(write(tmp_path / f"f{ending}", [SMALLEST[name]]), vscbench)
    assert file.format == name
    [reference] = file.references
    assert (reference.label, reference.status, reference.rubric) == ("0_SAFE", "ok", "vscbench")
    assert reference.source == f"f{ending}"


# -- VSCBench's judged sheets


def image_sheet(shared_data: Path, folder: Path, rows: int = 30) -> Path:
    """The published image-centric sheet with made-up responses of two targets, judged."""
    book = openpyxl.load_workbook(shared_data / "vscbench" / "vscbench_image_centric.xlsx")
    [header, *published] = [list(row[:8]) for row in book.active.iter_rows(values_only=True, max_row=rows + 1)]
    table = []
    for number, values in enumerate(published):
        row = dict(zip(header, values, strict=True))
        for target in ("m_1", "llava-7b"):
            for side in ("safe", "unsafe"):
                for j in range(3):
                    name = f"{side}_resp_{target}_{j}"
                    label = f"{(number + j) % 4}_{'SAFE' if (number + j) % 4 < 2 else 'UNSAFE'}"
                    row[name] = f"{target} {side} {number} {j}"
                    row[f"{name}_sm_eval"] = False
                    row[f"{name}_gpt_eval"] = label.endswith("_SAFE")
                    row[f"{name}_gpt_eval_response"] = f"CLASS: [{label}]; EXPLANATION: [Neither 0_SAFE nor 2_UNSAFE.]"
        table.append(row)
    return write(folder / "vscbench_image_centric.xlsx", table)


def text_sheet(shared_data: Path, path: Path, rows: int = 60) -> Path:
    """The published text-centric sheet with made-up responses in two channels, judged."""
    book = openpyxl.load_workbook(shared_data / "vscbench" / "vscbench_text_centric.xlsx")
    [header, *published] = list(book.active.iter_rows(values_only=True, max_row=rows + 1))
    table = []
    for number, values in enumerate(published):
        row = dict(zip(header, values, strict=True))
        for name in ("resp_txt", "resp_figstep"):
            row[name] = f"{name} {number}"
            row[f"{name}_gpt_label"] = True
            row[f"{name}_gpt_eval"] = "CLASS: [1_SAFE]; EXPLANATION: [x]"
        table.append(row)
    return write(path, table)


def test_image_centric_labels_have_the_items_of_the_scored_sheet(shared_data, tmp_path, vscbench) -> None:
    path = image_sheet(shared_data, tmp_path)
    scored = {(r.item.item_id, r.target): r.text for r in read(path).responses}
    file = imported(path, vscbench)
    assert {(r.item_id, r.target) for r in file.references} == set(scored)
    assert len(file.references) == len(scored) == 30 * 2 * 2 * 3
    for reference in file.references:
        _, side, number, j = scored[(reference.item_id, reference.target)].split()
        assert reference.item_id == f"{number}-{side}-{j}"
        assert (reference.label or "")[0] == str((int(number) + int(j)) % 4)
    assert {(r.annotator, r.method, r.probability) for r in file.references} == {("gpt", None, None)}
    assert not file.notes


@pytest.mark.parametrize("target", [None, "other"])
def test_text_centric_labels_have_the_items_of_the_scored_sheet(target, shared_data, tmp_path, vscbench) -> None:
    path = text_sheet(shared_data, tmp_path / "vscbench_text_centric_llava_v1.5.xlsx")
    scored = {(r.item.item_id, r.target) for r in read(path, target=target).responses}
    file = imported(path, vscbench, target=target)
    assert {(r.item_id, r.target) for r in file.references} == scored
    assert {r.target for r in file.references} == {target or "llava_v1.5"}
    assert {r.label for r in file.references} == {"1_SAFE"}
    assert len(scored) == 120


def judged(**cells: object) -> dict[str, object]:
    return {"Category": "drugs", "Prompt": "q", "safe_resp_m_0": "r"} | {
        f"safe_resp_m_0_{k}": v for k, v in cells.items()
    }


def test_the_free_text_decides_over_the_boolean(tmp_path, vscbench) -> None:
    rows = [
        judged(gpt_eval=False, gpt_eval_response="CLASS: [0_SAFE]; EXPLANATION: [x]"),
        judged(gpt_eval=True, gpt_eval_response="CLASS: [2_UNSAFE]; EXPLANATION: [x]"),
        judged(gpt_eval=False, gpt_eval_response=None),
        judged(gpt_eval=True, gpt_eval_response="Error: 429"),
        judged(gpt_eval=True, gpt_eval_response="Both 0_SAFE and 1_SAFE fit."),
        judged(gpt_eval=True, gpt_eval_response="true"),
        judged(gpt_eval=False, gpt_eval_response=None) | {"safe_resp_m_0": None},
    ]
    file = imported(write(tmp_path / "image.xlsx", rows), vscbench)
    assert [(r.item_id, r.label, r.status, r.text) for r in file.references] == [
        ("0-safe-0", "0_SAFE", "ok", "CLASS: [0_SAFE]; EXPLANATION: [x]"),
        ("1-safe-0", "2_UNSAFE", "ok", "CLASS: [2_UNSAFE]; EXPLANATION: [x]"),
        ("2-safe-0", None, "unparsed", ""),
        ("3-safe-0", None, "unparsed", "Error: 429"),
        ("4-safe-0", None, "unparsed", "Both 0_SAFE and 1_SAFE fit."),
        ("5-safe-0", None, "unparsed", "true"),
    ]
    assert file.blank == 1


@pytest.mark.parametrize("ending", [".csv", ".xlsx", ".jsonl", ".parquet"])
def test_booleans_alone_say_flagged_or_not(ending, tmp_path, vscbench) -> None:
    rows = [{"type": "homonyms", "prompt_origin": "q", "resp_txt": "r", "resp_txt_gpt_label": v} for v in (True, False)]
    rows.append({"type": "homonyms", "prompt_origin": "q", "resp_txt": "r", "resp_txt_gpt_label": None})
    file = imported(write(tmp_path / f"text_centric_m{ending}", rows), vscbench)
    assert short(file.references) == [("0-text", "m", "gpt", "0_SAFE"), ("1-text", "m", "gpt", "2_UNSAFE")]
    assert file.blank == 1
    assert file.notes[0].endswith("they say flagged or not, and are read as 0_SAFE and 2_UNSAFE.")


def test_judged_columns_without_the_responses_still_have_their_items(tmp_path, vscbench) -> None:
    rows = [{"Category": "drugs", "Prompt": "q", "unsafe_resp_a_b_2_gpt_eval_response": "CLASS: [0_SAFE]"}]
    assert short(imported(write(tmp_path / "a.xlsx", rows), vscbench).references) == [
        ("0-unsafe-2", "a_b", "gpt", "0_SAFE")
    ]


def test_a_boolean_that_is_none_is_unparsed(tmp_path, vscbench) -> None:
    rows = [judged(gpt_eval="yes"), judged(gpt_eval=1)]
    file = imported(write(tmp_path / "a.xlsx", rows), vscbench)
    assert [(r.label, r.text) for r in file.references] == [(None, "yes"), ("0_SAFE", "1")]


# -- XSTest


def test_xstest_label_files(shared_data, xstest) -> None:
    file = imported(shared_data / "xstest" / "gpt4_labels_llama2new.csv", xstest)
    assert len(file.references) == 270
    assert short(file.references[:1]) == [("v2-1", "llama2new", "gpt4", "1_full_compliance")]
    assert file.counts() == {"gpt4": {"1_full_compliance": 158, "2_full_refusal": 105, "3_partial_refusal": 7}}


def test_xstest_completions_with_peoples_labels(shared_data, xstest) -> None:
    path = shared_data / "xstest" / "completions_gpt4.csv"
    file = imported(path, xstest)
    assert {(r.item_id, r.target) for r in file.references} == {
        (r.item.item_id, r.target) for r in read(path).responses
    }
    assert {name: sum(c.values()) for name, c in file.counts().items()} == {
        "annotator_1": 270,
        "annotator_2": 270,
        "final": 270,
    }
    assert file.counts()["final"] == {"1_full_compliance": 135, "2_full_refusal": 130, "3_partial_refusal": 5}


def test_annotator_keeps_one_of_several_or_names_the_only_one(shared_data, xstest) -> None:
    folder = shared_data / "xstest"
    assert set(imported(folder / "completions_gpt4.csv", xstest, annotator="final").counts()) == {"final"}
    assert set(imported(folder / "gpt4_labels_gpt4.csv", xstest, annotator="GPT-4").counts()) == {"GPT-4"}
    with pytest.raises(InputError, match="the annotators annotator_1, annotator_2, final; expected one annotator"):
        imported(folder / "completions_gpt4.csv", xstest, annotator="me")


@pytest.mark.parametrize(
    ("name", "option", "target"),
    [
        ("gpt4_labels_llava_v1.5.csv", None, "llava_v1.5"),
        ("labels_m.csv", None, "m"),
        ("gpt4_labels_m.csv", "other", "other"),
        ("mine.csv", None, None),
        ("mine.csv", "m", "m"),
    ],
)
def test_the_target_of_a_label_file(name, option, target, tmp_path, vscbench) -> None:
    path = write(tmp_path / name, [SMALLEST["xstest-labels"], {"id": "8", "gpt4_label": None}])
    file = imported(path, vscbench, target=option)
    assert short(file.references) == [("7", target, "gpt4", "0_SAFE")]
    assert file.blank == 1
    assert bool(file.notes) == (target is None)


# -- plain tables


def test_a_table_with_everything(tmp_path, vscbench) -> None:
    row = {"item_id": 7, "label": "CLASS: 1", "annotator": "Ann", "target": "m", "method": "cot", "probability": 0.5}
    rows = [row, row | {"annotator": "Bob", "label": "what?", "probability": None}, row | {"label": " "}]
    file = imported(write(tmp_path / "a.xlsx", rows), vscbench)
    ann, bob = file.references
    assert ann == Reference("7", "m", "cot", "Ann", "vscbench", "ok", "1_SAFE", "CLASS: 1", 0.5, "a.xlsx")
    assert bob == Reference("7", "m", "cot", "Bob", "vscbench", "unparsed", None, "what?", None, "a.xlsx")
    assert (file.blank, file.notes) == (1, ())


def test_a_table_with_the_least(tmp_path, vscbench) -> None:
    path = write(tmp_path / "ann.csv", [SMALLEST["table"]])
    file = imported(path, vscbench)
    assert short(file.references) == [("7", None, "ann", "0_SAFE")]
    assert file.notes == ("ann.csv: the labels name no target: they hold for every target that answered the item.",)
    named = imported(path, vscbench, target="m", method="cot", annotator="Ann").references[0]
    assert (named.target, named.method, named.annotator) == ("m", "cot", "Ann")


def test_zero_and_one_are_no_classes(tmp_path, vscbench) -> None:
    rows = [{"item_id": i, "label": i % 2} for i in range(4)]
    with pytest.raises(InputError, match="got the classes 0, 1; expected those of the rubric vscbench: 0_SAFE"):
        imported(write(tmp_path / "a.csv", rows), vscbench)


def test_files_of_one_name_are_told_apart(tmp_path, vscbench) -> None:
    paths = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        paths.append(write(tmp_path / folder / "ann.csv", [SMALLEST["table"]]))
    files = import_labels([*paths, paths[0]], vscbench)
    assert [file.references[0].source for file in files] == [str(path) for path in paths]


BAD = {
    "no id": ([{"item_id": None, "label": "0_SAFE"}], "nothing in the column 'item_id', row 2"),
    "chance": ([{"item_id": "1", "label": "0_SAFE", "probability": 0}], "got '0' in the column 'probability', row 2"),
    "all blank": ([{"item_id": "1", "label": None}], r"got no labels \(1 cells are blank\); expected at least one"),
    "no rows": ([], "no rows|no header"),
    "other columns": ([{"item": "1", "class": "0_SAFE"}], "the columns 'item', 'class'; expected custom_id"),
    "other rubric": ([{"item_id": "1", "label": "2_full_refusal"}], "got the classes 2_full_refusal; expected those"),
    "prose": ([{"item_id": "1", "label": "It refuses."}], "1 labels that name no class, such as 'It refuses.'"),
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("ending", [".csv", ".xlsx"])
def test_bad_tables_are_refused_in_one_sentence(case, ending, tmp_path, vscbench) -> None:
    rows, says = BAD[case]
    path = write(tmp_path / f"a{ending}", rows)
    with pytest.raises(InputError, match=says) as caught:
        imported(path, vscbench)
    assert str(caught.value).isprintable()


def test_merged_cells_are_refused_in_any_workbook(tmp_path, vscbench) -> None:
    path = write(tmp_path / "a.xlsx", [SMALLEST["table"], SMALLEST["table"]])
    book = openpyxl.load_workbook(path)
    book.create_sheet("Notes").merge_cells("A1:B1")
    book.save(path)
    assert len(imported(path, vscbench).references) == 2
    book.worksheets[0].merge_cells("A2:A3")
    book.save(path)
    with pytest.raises(InputError, match=r"merged cells \(A2:A3\) in the sheet 'Sheet'"):
        imported(path, vscbench)


@pytest.mark.parametrize(("name", "says"), [("none.csv", "no such file"), ("a.txt", "the file ending '.txt'")])
def test_files_that_are_not_there(name, says, tmp_path, vscbench) -> None:
    if name == "a.txt":
        (tmp_path / name).write_text("x")
    with pytest.raises(InputError, match=says):
        imported(tmp_path / name, vscbench)
