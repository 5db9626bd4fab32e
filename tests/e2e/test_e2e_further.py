"""A further rubric in the same run: its columns, its shares, and what becomes of them when something fails."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest
from command_line import OUTPUTS, Done, hashes, manifest, run, succeed, verdicts, write_jsonl
from further_runs import ALSO, CLASSES, COUNTED, also, read, response, sections
from scripted_reader import reading
from scripted_server import Reply, Scripted, scripted, text_alone

from scorer.stats.intervals import wilson


def test_the_shares_are_those_of_the_plan(further_run: tuple[Path, Done]) -> None:
    found = also(further_run[0])
    assert {(t, c) for _, t, c in found} == {(t, c) for t in ("alpha", "beta", None) for c in (None, *CLASSES)}
    for (target, label), (toxic, n, unscored) in COUNTED.items():
        row = found["vllm", target, label]
        assert (row["n"], row["n_unscored"]) == (n, unscored), (target, label)
        if n:
            # every response has an item of its own: Wilson's interval
            assert (row["value"], row["interval"]) == (pytest.approx(toxic / n), "wilson")
            assert (row["low"], row["high"]) == pytest.approx(wilson(toxic, n))
        else:
            assert (row["value"], row["low"], row["high"]) == (None, None, None)
        if n + unscored:
            bounds = (toxic / (n + unscored), (toxic + unscored) / (n + unscored))
            assert (row["bound_low"], row["bound_high"]) == pytest.approx(bounds)
    with (further_run[0] / "also.csv").open(encoding="utf-8", newline="") as file:
        in_csv = list(csv.DictReader(file))
    assert [tuple(float(r[k]) if r[k] else None for k in ("value", "bound_high")) for r in in_csv] == [
        (r["value"], r["bound_high"]) for r in found.values()
    ]


def test_the_columns_of_the_verdicts(further_run: tuple[Path, Done]) -> None:
    frame = verdicts(further_run[0])
    statuses = frame["toxicity_status"].value_counts().rows()
    # mumbled: 2 of alpha, 2 of beta; faults: 2; missing: one of each target
    assert dict(statuses) == {"ok": 38, "unparsed": 4, "error": 2, "missing_response": 2}
    ok = frame["toxicity_status"] == "ok"
    assert frame["toxicity_label"].is_not_null().equals(ok)
    assert frame.filter(ok)["toxicity_label"].value_counts(sort=True).rows() == [("0_CLEAN", 34), ("1_TOXIC", 4)]
    # 0.95 against 0.01 for the class that the reader leaves out
    assert frame.filter(ok)["toxicity_p_flagged"].unique().sort().to_list() == pytest.approx([0.01 / 0.96, 0.95 / 0.96])
    counts = manifest(further_run[0])["counts"]
    assert counts["vllm"] == {"ok": 44, "missing_response": 2}
    assert counts["vllm (toxicity)"] == dict(statuses)


def test_the_terminal_and_the_report_show_them(further_run: tuple[Path, Done]) -> None:
    folder, done = further_run
    assert "Toxicity: percent toxic, with 95 % intervals" in done.out
    for cell in ("37.5 of 8", "21.4 of 14", "2 unscored", "8 unscored"):  # 3/8 refusals of alpha, 3/14 of all
        assert cell in done.out
    assert (
        "vllm (toxicity): 38 responses scored; could not be scored: 2 error, 2 missing_response, 4 unparsed."
        in done.out
    )
    shown = sections(folder)
    section = shown["also-toxicity"]
    assert section.startswith("Toxicity among refusals, warnings, answers and irrelevant responses Share of")
    low, high = (f"{100 * x:.1f}" for x in wilson(3, 8))
    # 3 of 8, and with the two mumbled refusals 3/10 to 5/10
    assert f"37.5 % [{low}, {high}] of 8 2 not scored: 30.0 to 50.0 %" in section
    assert "none scored 2 not scored: 0.0 to 100.0 %" in section  # beta's warnings
    assert "– no response" in section  # nobody missed the point
    assert "Further rubric: Toxicity: clean or toxic" in shown["made"]
    assert "rubric toxicity" in shown["made"]
    assert "orders" not in shown["made"]


def test_a_second_run_asks_nothing(
    server: Scripted, planned: Path, further_run: tuple[Path, Done], tmp_path: Path
) -> None:
    """But for what failed for good: an error is asked again."""
    folder = further_run[0]
    before = len(server.asked())
    shutil.copytree(folder, tmp_path / "run")
    succeed(
        "score", planned, "--out", tmp_path / "run", "--judge", "vllm", "--also", "toxicity", "--judge-url", server.url,
        "--cache", folder.parent / "cache",
    )  # fmt: skip
    assert len(server.asked()) - before == 2
    assert also(tmp_path / "run") == also(folder)


def test_the_report_command_keeps_them(further_run: tuple[Path, Done], tmp_path: Path) -> None:
    shutil.copytree(further_run[0], tmp_path / "run")
    (tmp_path / "run" / "also.csv").unlink()
    done = succeed("report", tmp_path / "run")
    assert "Toxicity: percent toxic" in done.out
    again = hashes(tmp_path / "run")
    assert {name: again[name] for name in ALSO} == {name: hashes(further_run[0])[name] for name in ALSO}
    assert "also-toxicity" in sections(tmp_path / "run")


def test_a_run_without_it_needs_force_and_leaves_nothing_of_it(
    server: Scripted, planned: Path, further_run: tuple[Path, Done], tmp_path: Path
) -> None:
    out = tmp_path / "run"
    shutil.copytree(further_run[0], out)
    options = ("--judge", "vllm", "--judge-url", server.url, "--cache", tmp_path / "cache")
    command = ("score", planned, "--out", out, *options)
    assert {p.name for p in out.iterdir()} == OUTPUTS | ALSO
    done = run(*command)
    assert done.code == 2
    assert "other also" in done.sentence
    assert {p.name for p in out.iterdir()} == OUTPUTS | ALSO
    succeed(*command, "--force")
    assert {p.name for p in out.iterdir()} == OUTPUTS
    assert "also-toxicity" not in sections(out)


def test_beside_the_embedding_judge(server: Scripted, planned: Path, tmp_path: Path) -> None:
    """Its own classes, the reader's toxicity."""
    out = tmp_path / "run"
    succeed(
        "score", planned, "--out", out, "--judge", "embedding", "--judge", "vllm", "--also", "toxicity",
        "--judge-url", server.url, "--cache", tmp_path / "cache",
    )  # fmt: skip
    found = also(out)
    assert {judge for judge, _, _ in found} == {"embedding", "vllm"}
    for target in ("alpha", "beta", None):
        everything = [found[judge, target, None] | {"judge": ""} for judge in ("embedding", "vllm")]
        assert everything[0] == everything[1]
    frame = verdicts(out, "embedding")
    for label in CLASSES:
        mine = frame.filter(frame["label"] == label, frame["toxicity_status"] == "ok")
        row = found["embedding", None, label]
        assert row["n"] == len(mine)
        assert row["value"] == (pytest.approx((mine["toxicity_label"] == "1_TOXIC").mean()) if len(mine) else None)
    assert sum(found["embedding", None, label]["n"] for label in CLASSES) == 38


def test_nothing_scored_is_no_share(tmp_path: Path) -> None:
    """A server that knows the run's rubric only: the run is whole, and says that toxicity is not known."""

    def silent(titles: list[str], text: str) -> dict[str, float] | Reply:
        return Reply(text_alone("well"), 422) if "toxic" in titles else read(titles, text)

    rows = [{"query": f"Q {n}?", "response": response("refuses", "", n)} for n in range(5)]
    table, out = write_jsonl(tmp_path / "t.jsonl", rows), tmp_path / "run"
    with scripted(reading(silent)) as server:
        done = succeed(
            "score", table, "--out", out, "--judge", "keyword-xstest", "--also", "toxicity",
            "--judge-url", server.url, "--no-cache",
        )  # fmt: skip
    refusals = also(out)["keyword-xstest", None, "0_SAFE"]
    assert (refusals["value"], refusals["n"], refusals["n_unscored"]) == (None, 0, 5)
    assert "5 unscored" in done.out
    assert "none scored 5 not scored: 0.0 to 100.0 %" in sections(out)["also-toxicity"]


def test_as_the_rubric_of_the_run(server: Scripted, planned: Path, tmp_path: Path) -> None:
    """Labels are counted; whether a danger was recognised is not asked, so there is no SRA."""
    out = tmp_path / "run"
    command = ("score", planned, "--out", out, "--rubric", "toxicity", "--judge-url", server.url, "--no-cache")
    done = succeed(*command, "--judge", "vllm")
    assert json.loads((out / "scores.json").read_text(encoding="utf-8")) == []
    assert "Safety response accuracy" not in done.out
    frame = verdicts(out)
    assert frame["label"].value_counts(sort=True).rows()[:3] == [("0_CLEAN", 34), (None, 8), ("1_TOXIC", 4)]
    counts = sections(out)["counts"]
    assert "does not ask whether a danger was recognised" in counts
    assert "expects" not in counts
    explorer = json.loads(
        (out / "report.html").read_text("utf-8").partition('id="explorer-data">')[2].partition("<")[0]
    )
    assert {verdict[4] for row in explorer["rows"] for verdict in row[6]} == {None}  # neither right nor wrong
    for judge in ("embedding", "keyword-vscbench"):
        refused = run(*command, "--judge", judge, "--force")
        assert refused.code == 2
        assert f"the judge {judge} cannot serve the rubric toxicity" in refused.sentence
    refused = run(*command, "--judge", "vllm", "--reference", planned)
    assert refused.code == 2
    assert "the rubric toxicity gives none" in refused.sentence


def test_two_rubrics_of_one_name_are_refused(server: Scripted, planned: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text(
        'name = "toxicity"\nversion = 9\n[[classes]]\nid = "a"\ndefinition = "a"\nflagged = true\n'
        '[[classes]]\nid = "b"\ndefinition = "b"\nflagged = false\n',
        encoding="utf-8",
    )
    done = run(
        "score", planned, "--out", tmp_path / "run", "--judge", "vllm", "--judge-url", server.url,
        "--also", "toxicity", "--also", mine,
    )  # fmt: skip
    assert done.code == 2
    assert "two bear one name" in done.sentence
