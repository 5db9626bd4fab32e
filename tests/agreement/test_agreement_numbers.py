"""The numbers of agreement.json: against scikit-learn, by hand, and the same whatever else is in the report."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
from agreement_runs import COMPLIES, PARTLY, REFUSES, XSTEST, cases, labels, make_run, response, verdict
from sklearn.metrics import brier_score_loss, cohen_kappa_score, confusion_matrix, f1_score

from scorer.agreement import Agreed
from scorer.agreement.contests import calibrations, comparisons
from scorer.agreement.disagreements import disagreements
from scorer.agreement.measures import pair_agreement, rater_pairs
from scorer.agreement.movement import movements
from scorer.report.run_files import Run
from scorer.rubrics import load_rubric


def entry(document: dict[str, Any], rater: str, reference: str) -> dict[str, Any]:
    (found,) = [a for a in document["agreement"] if (a["rater"], a["reference"]) == (rater, reference)]
    return dict(found)


def test_real_numbers_are_scikit_learns(real_report: Agreed, real_run: Run, real_labels: pl.DataFrame) -> None:
    truth = real_labels.filter(pl.col("annotator") == "gpt4").select("item_id", "target", truth="label")
    joined = real_run.verdicts_of("good").join(truth, on=["item_id", "target"])
    shown = entry(real_report.document, "good", "gpt4")
    assert shown["counts"] == {
        "labelled": 540,
        "compared": 540,
        "rater_has_none": 0,
        "reference_has_none": 270,
    }
    classes, flagged = shown["overall"]["classes"], shown["overall"]["flagged"]
    assert classes["confusion"] == confusion_matrix(joined["truth"], joined["label"]).tolist()
    assert classes["kappa"]["value"] == pytest.approx(cohen_kappa_score(joined["truth"], joined["label"]))
    assert classes["per_class"][REFUSES]["f1"]["value"] == pytest.approx(
        f1_score(joined["truth"], joined["label"], labels=[REFUSES], average=None)[0]
    )
    y = (joined["truth"] != COMPLIES).to_numpy()
    assert flagged["accuracy"]["value"] == pytest.approx((y == joined["flagged"].to_numpy()).mean())
    assert flagged["accuracy"]["low"] < flagged["accuracy"]["value"] < flagged["accuracy"]["high"]
    (calibrated,) = [c for c in real_report.document["calibration"] if (c["judge"], c["reference"]) == ("good", "gpt4")]
    assert calibrated["probability"] == "p_flagged"
    assert calibrated["measures"]["brier"] == pytest.approx(brier_score_loss(y, joined["p_flagged"]))


def test_every_pair_is_there_once(real_report: Agreed) -> None:
    document = real_report.document
    pairs = [(a["kind"], a["rater"], a["reference"], a["independent"]) for a in document["agreement"]]
    assert len(pairs) == len(set(pairs)) == 2 * 4 + 6
    assert ("annotator", "annotator_2", "annotator_1", True) in pairs
    assert ("annotator", "gpt4", "final", True) in pairs
    assert ("annotator", "annotator_1", "final", False) in pairs
    assert document["annotators"][0]["name"] == "final"
    assert [j["class_detail"] for j in document["run"]["judges"]] == [True, False]
    assert json.loads((real_report.folder / "agreement.json").read_text()) == document


def test_slices_add_up_and_a_single_value_is_none(real_report: Agreed) -> None:
    shown = entry(real_report.document, "good", "final")
    by = {s["by"] for s in shown["slices"]}
    assert by == {"target", "category", "expects"}  # all of them came as text: no channel to slice by
    for dimension in by:
        parts = [s["flagged"]["confusion"] for s in shown["slices"] if s["by"] == dimension]
        assert np.sum(parts, axis=0).tolist() == shown["overall"]["flagged"]["confusion"]


def test_sras_move_as_counted(real_report: Agreed, real_run: Run, real_labels: pl.DataFrame) -> None:
    truth = real_labels.filter(pl.col("annotator") == "gpt4").select("item_id", "target", truth="label")
    joined = real_run.verdicts_of("good").join(truth, on=["item_id", "target"])
    unsafe = joined.filter(pl.col("expects") == "refusal", pl.col("target") == "llama2new")
    (moved,) = [
        m
        for m in real_report.document["sra"]
        if (m["rater"], m["reference"], m["target"], m["metric"]) == ("good", "gpt4", "llama2new", "SRAu")
    ]
    assert moved["n"] == len(unsafe) == 120
    assert moved["value"] == pytest.approx(unsafe["flagged"].mean())
    assert moved["reference_value"] == pytest.approx((unsafe["truth"] != COMPLIES).mean())
    assert moved["difference"] == pytest.approx(moved["value"] - moved["reference_value"])
    assert moved["low"] < moved["difference"] < moved["high"]
    assert len([m for m in real_report.document["sra"] if (m["rater"], m["reference"]) == ("good", "gpt4")]) == 3 * 3


def by_hand() -> tuple[Run, pl.DataFrame]:
    """Six responses. The judges' and the reference's labels, with p_flagged of the first judge:

    row       0          1         2         3               4          5
    truth     complies   refuses   refuses   refuses partly  complies   (none)
    first     complies   complies  refuses   refuses         refuses    complies
    p         0.1        0.02      0.9       0.8             0.6        0.2
    second    refuses    refuses   refuses   refuses         error      refuses
    """
    first = [(COMPLIES, 0.1), (COMPLIES, 0.02), (REFUSES, 0.9), (REFUSES, 0.8), (REFUSES, 0.6), (COMPLIES, 0.2)]
    second = [REFUSES, REFUSES, REFUSES, REFUSES, None, REFUSES]
    run = make_run(
        [response(i) for i in range(6)],
        {"first": [verdict(label, p) for label, p in first], "second": [verdict(label) for label in second]},
    )
    return run, labels(run, [COMPLIES, REFUSES, REFUSES, PARTLY, COMPLIES, None])


def test_counts_confusion_and_contest_by_hand() -> None:
    run, given = by_hand()
    c = cases(run, given)
    first, second = (pair_agreement(c, rater, reference) for rater, reference in rater_pairs(c))
    # Flagged: rows 0, 2, 3 agree, 1 is missed, 4 is a false alarm. Rows are the reference, columns the judge.
    assert first["overall"]["flagged"]["confusion"] == [[1, 1], [1, 2]]
    assert first["overall"]["classes"]["confusion"] == [[1, 1, 0], [1, 1, 0], [0, 1, 0]]
    assert first["overall"]["flagged"]["per_class"]["flagged"]["recall"]["value"] == pytest.approx(2 / 3)
    assert second["counts"] == {"labelled": 5, "compared": 4, "rater_has_none": 1, "reference_has_none": 1}
    assert second["class_detail"] is False
    (contest,) = comparisons(c)
    # On rows 0 to 3 the first is right on 0, 2, 3, the second on 1, 2, 3.
    assert (contest["n"], contest["only_first"], contest["only_second"]) == (4, 1, 1)
    assert (contest["difference"], contest["p_value"], contest["better"]) == (0, 1, None)
    assert [x["measures"] is None for x in calibrations(c)] == [False, True]


def test_disagreements_are_worst_first_by_hand() -> None:
    run, given = by_hand()
    found = disagreements(cases(run, given))
    assert [(d["judge"], d["row"], d["differs"]) for d in found] == [
        ("first", 1, "flagged"),  # said 2 %, is flagged: 0.98
        ("first", 4, "flagged"),  # said 60 %, is not: 0.6
        ("first", 3, "class"),  # said 80 %, is flagged, but in part: 0.2
        ("second", 0, "flagged"),  # no probability: in the run's order
    ]
    assert [d["error"] for d in found] == [pytest.approx(0.98), pytest.approx(0.6), pytest.approx(0.2), None]
    assert found[0]["reference_labels"] == {"anna": REFUSES}
    assert (found[0]["query"], found[0]["response"]) == ("Query 1?", "Response number 1.")


def test_holm_and_the_better_judge(real_report: Agreed) -> None:
    entries = real_report.document["comparisons"]
    assert len(entries) == 4
    assert all(e["p_adjusted"] >= e["p_value"] for e in entries)
    assert [e["better"] for e in entries if e["reference"] == "final"] == ["good"]


def test_strict_sras_where_the_rubric_has_an_irrelevant_class() -> None:
    rubric = load_rubric("vscbench")
    answers, beside = "2_UNSAFE", "3_UNSAFE"
    run = make_run(
        [response(2 * i) for i in range(4)],
        {"j": [verdict(x, 0.1, rubric) for x in (answers, beside, beside, "0_SAFE")]},
        rubric,
    )
    c = cases(run, labels(run, [answers, answers, beside, answers], rubric="vscbench"))
    moves = {m["metric"]: m for m in movements(c, c.judges[0], c.annotators[0]) if m["target"] is None}
    assert set(moves) == {"SRAs", "SRAa", "SRAs_strict", "SRAa_strict"}  # no unsafe query: no SRAu
    assert (moves["SRAs"]["value"], moves["SRAs"]["reference_value"]) == (0.75, 1)
    assert (moves["SRAs_strict"]["value"], moves["SRAs_strict"]["reference_value"]) == (0.25, 0.75)


def test_no_sra_moves_where_the_rubric_asks_for_no_danger() -> None:
    """The same labels of two rubrics that differ in that alone."""
    rubric = load_rubric("toxicity")
    clean, toxic = rubric.class_ids
    for sra in (False, True):
        run = make_run(
            [response(i) for i in range(4)],
            {"j": [verdict(x, 0.1, rubric) for x in (clean, toxic, clean, toxic)]},
            replace(rubric, sra=sra),
        )
        c = cases(run, labels(run, [clean, toxic, toxic, toxic], rubric="toxicity"))
        assert bool(list(movements(c, c.judges[0], c.annotators[0]))) == sra


def test_a_number_does_not_depend_on_what_else_is_there(real_run: Run, real_labels: pl.DataFrame) -> None:
    alone = Run(real_run.manifest, (), real_run.responses, real_run.verdicts_of("good"))
    gpt4 = real_labels.filter(pl.col("annotator") == "gpt4")
    both = [
        pair_agreement(c, c.judges[0], next(a for a in c.annotators if a.name == "gpt4"))
        for c in (cases(alone, gpt4), cases(real_run, real_labels))
    ]
    assert both[0] == both[1]
    other = cases(alone, gpt4, seed=1)
    again = pair_agreement(other, other.judges[0], other.annotators[0])
    assert again["overall"]["flagged"]["kappa"]["value"] == both[0]["overall"]["flagged"]["kappa"]["value"]
    assert again["overall"]["flagged"]["kappa"]["low"] != both[0]["overall"]["flagged"]["kappa"]["low"]


def test_a_calibrated_run_is_judged_by_its_calibrated_probability() -> None:
    run, given = by_hand()
    calibrated = run.verdicts.with_columns(p_calibrated=pl.col("p_flagged") / 2)
    (first, _) = calibrations(cases(Run(run.manifest, (), run.responses, calibrated), given))
    assert first["probability"] == "p_calibrated"
    assert first["measures"]["bins"][-1]["upper"] == pytest.approx(0.45)


def test_the_rubric_is_the_runs_own() -> None:
    """A rubric of a user's own needs no file: the manifest holds it."""
    run, given = by_hand()
    assert cases(run, given).rubric == XSTEST
