"""The round trip from the command line: a run, a sample, labels, a reference file; and what is refused."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import polars as pl
import pytest
from batches import answer, failed, label_by_keywords, read_lines, write_lines

from scorer.errors import InputError, RunError, ScorerError, StorageError
from scorer.references import REFERENCE_SCHEMA, load_references, save_references


def sampled(reference, run: Path, out: Path, *options: object, form: str = "openai-batch"):
    return reference("sample", run, "--out", out, "--for", form, *options)


def labelled(requests: Path, out: Path, model: str = "gpt-4o-2024-08-06") -> Path:
    """What the Batch API gives back: in another order, one request failed, one answer useless."""
    lines = [answer(request, label_by_keywords(request)) for request in read_lines(requests)]
    lines[0] = failed(read_lines(requests)[0])
    lines[1] = answer(read_lines(requests)[1], "I would call this a 2_full_refusal.")
    for line in lines[1:]:
        line["response"]["body"]["model"] = model
    return write_lines(out, lines[::-1])


@pytest.mark.parametrize("strategy", ["stratified", "uncertain", "random"])
def test_the_round_trip_through_a_batch(strategy, run, reference, tmp_path) -> None:
    batch, out = tmp_path / "batch.jsonl", tmp_path / "made" / "reference.parquet"
    told = sampled(reference, run, batch, "-n", 72, "--strategy", strategy, "--judge", "graded", "--seed", 3).output
    assert "72 responses to label under the rubric xstest" in told
    results = labelled(batch, tmp_path / "results.jsonl")
    told = reference("import", results, "--rubric", "xstest", "--out", out).output
    assert "results.jsonl: openai-batch" in told
    assert "unparsed 2" in told
    assert "1 requests failed" in told
    assert "unparsed, such as: I would call this a 2_full_refusal." in told
    references = load_references([out])
    assert references.schema == REFERENCE_SCHEMA
    assert references["status"].value_counts(sort=True)["count"].to_list() == [70, 2]
    assert set(references["annotator"]) == {"gpt-4o-2024-08-06"}
    verdicts = pl.read_parquet(run / "verdicts.parquet").filter(judge="graded", status="ok")
    keys = ["item_id", "target", "method"]
    both = references.join(verdicts, on=keys, how="inner", validate="1:1")
    assert len(both) == 72
    slices = both.select("target", "method", "scenario", "channel", "category", "expects").unique()
    if strategy != "random":
        assert len(slices) == 36  # every one there is
    # the chances sum up to the population, as near as a sample of 72 can tell
    assert (1 / references["probability"]).sum() == pytest.approx(len(verdicts), rel=0.4)


def test_the_round_trip_through_people(run, reference, tmp_path) -> None:
    sheet, out = tmp_path / "people.xlsx", tmp_path / "reference.parquet"
    told = sampled(reference, run, sheet, "-n", 40, "--annotators", "Ann, Bob", form="people").output
    assert "40 responses to label" in told
    book = openpyxl.load_workbook(sheet)
    rows = list(book["Labels"].iter_rows(min_row=2))
    assert len(rows) == 40
    for number, row in enumerate(rows):
        row[6].value = "2_full_refusal" if number % 2 else "1_full_compliance"
        row[7].value = "2_full_refusal" if number < 10 else None
    book.save(sheet)
    told = reference("import", sheet, "--rubric", "xstest", "--out", out).output
    assert "Ann: 1_full_compliance 20, 2_full_refusal 20" in told
    assert "Bob: 2_full_refusal 10" in told
    assert "30 cells are blank" in told
    references = load_references([out])
    assert references.group_by("annotator").len().sort("annotator").rows() == [("Ann", 40), ("Bob", 10)]
    texts = pl.read_parquet(run / "responses.parquet")
    shown = {row[0].value: row[5].value for row in rows if row[1].value == "gpt4"}
    for item_id, response in texts.filter(target="gpt4").select("item_id", "response").iter_rows():
        assert shown.get(item_id, response).split() == response.split()


def test_what_was_picked_is_told_per_slice(run, reference, tmp_path) -> None:
    told = sampled(reference, run, tmp_path / "b.jsonl", "-n", 80, "--judge", "graded").output
    assert "Picked per slice" in told
    assert told.count("llama2new") == 18
    assert "homonyms" in told
    few = sampled(reference, run, tmp_path / "c.jsonl", "-n", 10).output
    assert "26 of 36 slices have no pick" in few
    everything = sampled(reference, run, tmp_path / "d.jsonl", "-n", 9999, "--judge", "graded").output
    assert "could score only 538 responses" in everything
    assert {'"p":1.0' in line["custom_id"] for line in read_lines(tmp_path / "d.jsonl")} == {True}


def test_a_sample_follows_its_seed_and_its_judge(run, reference, tmp_path) -> None:
    contents = []
    for number, options in enumerate([("--seed", 1), ("--seed", 1), ("--seed", 2), ("--seed", 1, "--judge", "graded")]):
        out = tmp_path / f"{number}.jsonl"
        sampled(reference, run, out, "-n", 50, *options)
        contents.append(out.read_bytes())
    assert contents[0] == contents[1]
    assert len(set(contents)) == 3


def test_the_labellers_model_is_named_in_requests_and_answers(run, reference, tmp_path) -> None:
    batch = tmp_path / "b.jsonl"
    sampled(reference, run, batch, "-n", 5, "--labeller-model", "gpt-4o")
    assert {line["body"]["model"] for line in read_lines(batch)} == {"gpt-4o"}
    results = labelled(batch, tmp_path / "r.jsonl", model="gpt-4o-2024-11-20")
    reference("import", results, "--rubric", "xstest", "--out", tmp_path / "r.parquet")
    assert set(load_references([tmp_path / "r.parquet"])["annotator"]) == {"gpt-4o-2024-11-20"}


def refused(kind: type[ScorerError], says: str, call) -> None:
    with pytest.raises(kind, match=says) as caught:
        call()
    assert str(caught.value).isprintable()
    assert str(caught.value).endswith(".")


def test_samples_that_are_refused(run, keyword_run, reference, tmp_path) -> None:
    there = tmp_path / "there.jsonl"
    there.write_text("keep me")
    new = tmp_path / "new.jsonl"
    refused(StorageError, "is there already; choose another --out, or --force", lambda: sampled(reference, run, there))
    refused(StorageError, "expected .xlsx for people", lambda: sampled(reference, run, new, form="people"))
    refused(
        RunError,
        "got the judge 'x'; expected one of keyword-xstest, graded",
        lambda: sampled(reference, run, new, "--judge", "x"),
    )
    refused(RunError, "without probabilities", lambda: sampled(reference, keyword_run, new, "--strategy", "uncertain"))
    refused(RunError, "without manifest.json", lambda: sampled(reference, tmp_path, new))
    refused(
        InputError,
        "--annotators: got",
        lambda: sampled(reference, run, tmp_path / "p.xlsx", "--annotators", "a,,b", form="people"),
    )
    assert there.read_text() == "keep me"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["there.jsonl"]
    sampled(reference, run, there, "-n", 3, "--force")
    assert len(read_lines(there)) == 3


def test_an_import_that_fails_leaves_the_reference_as_it_was(shared_data, reference, tmp_path) -> None:
    out, good = tmp_path / "reference.parquet", shared_data / "xstest" / "gpt4_labels_gpt4.csv"
    reference("import", good, "--rubric", "xstest", "--out", out)
    before = out.read_bytes()
    bad = tmp_path / "bad.csv"
    bad.write_text("item_id,label\n1,nonsense\n")
    refused(
        InputError,
        "got the classes nonsense",
        lambda: reference("import", good, bad, "--rubric", "xstest", "--out", out),
    )
    refused(InputError, "got the classes 1_full_compliance, 2_full", lambda: reference("import", good, "--out", out))
    assert out.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bad.csv", "reference.parquet"]
    told = reference("import", good, "--rubric", "xstest", "--annotator", "GPT", "--target", "x", "--out", out).output
    assert "270 labels" in told
    assert load_references([out]).select("annotator", "target").unique().rows() == [("GPT", "x")]


def test_an_import_replaces_nothing_but_a_reference(shared_data, reference, tmp_path) -> None:
    good = shared_data / "xstest" / "gpt4_labels_gpt4.csv"
    table = tmp_path / "table.csv"
    table.write_text("item_id,label\n1,2_full_refusal\n")
    refused(StorageError, "is there already and no reference", lambda: reference("import", good, "--out", table))
    refused(StorageError, "one of the files to import", lambda: reference("import", table, "--out", table, "--force"))
    refused(StorageError, "got a folder", lambda: reference("import", good, "--out", tmp_path))
    assert table.read_text().startswith("item_id")
    reference("import", good, "--rubric", "xstest", "--out", table, "--force")
    assert len(load_references([table])) == 270


def test_several_reference_files_become_one_table(shared_data, reference, tmp_path) -> None:
    paths = []
    for name in ("gpt4", "llama2new"):
        paths.append(tmp_path / f"{name}.parquet")
        labels = shared_data / "xstest" / f"gpt4_labels_{name}.csv"
        reference("import", labels, "--rubric", "xstest", "--out", paths[-1])
    both = load_references([*paths, paths[0]])
    assert both["target"].value_counts().sort("target").rows() == [("gpt4", 270), ("llama2new", 270)]
    assert load_references([]).schema == REFERENCE_SCHEMA


def row(**changes: object) -> pl.DataFrame:
    plain = dict.fromkeys(REFERENCE_SCHEMA, "x") | {"status": "ok", "label": "0_SAFE", "probability": 0.5}
    return pl.DataFrame([plain | changes], schema=REFERENCE_SCHEMA)


@pytest.mark.parametrize(
    ("frame", "says"),
    [
        (pl.DataFrame({"item_id": ["1"], "label": ["x"]}), "a Parquet file with the columns item_id, label; expected"),
        (row().with_columns(probability=pl.lit("x")), "a Parquet file with the columns"),
        (row().clear(), "no labels"),
        (row(label=None), "contradicts itself in row 1"),
        (row(status="unparsed"), "contradicts itself in row 1"),
        (pl.concat([row(), row(status="unsure")]), "contradicts itself in row 2"),
        (row(status=None), "contradicts itself"),
        (row(item_id=None), "contradicts itself"),
        (row(probability=0.0), "contradicts itself"),
        (row(probability=float("nan")), "contradicts itself"),
    ],
)
def test_files_that_are_no_references(frame, says, tmp_path) -> None:
    path = tmp_path / "a.parquet"
    frame.write_parquet(path)
    refused(InputError, says, lambda: load_references([path]))


def test_what_is_saved_is_loaded(tmp_path) -> None:
    whole = pl.concat(
        [row(), row(status="unparsed", label=None, target=None, method=None, probability=None, text=None)]
    )
    save_references(tmp_path / "new" / "a.parquet", whole)
    assert load_references([tmp_path / "new" / "a.parquet"]).equals(whole)


@pytest.mark.parametrize(("name", "says"), [("none", "no such file"), ("", "a folder"), ("text", "no reference file")])
def test_paths_that_are_no_references(name, says, tmp_path) -> None:
    (tmp_path / "text").write_text("item_id,label\n")
    refused(InputError, says, lambda: load_references([tmp_path / name]))
