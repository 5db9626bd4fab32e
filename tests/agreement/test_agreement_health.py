"""Every warning fires on a planted defect and is silent on sound labels."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from agreement_runs import COMPLIES, PARTLY, REFUSES, cases, labels, make_run, response, sound_run, verdict, warnings

from scorer.agreement.health import CODES, reference_health
from scorer.report.run_files import Run

Sound = tuple[Run, list[str]]


@pytest.mark.parametrize("annotators", [["gpt4"], ["final"], ["annotator_1", "annotator_2"], None])
@pytest.mark.parametrize("seed", range(2))
def test_real_labels_raise_nothing(
    real_run: Run, real_labels: pl.DataFrame, annotators: list[str] | None, seed: int
) -> None:
    chosen = real_labels if annotators is None else real_labels.filter(pl.col("annotator").is_in(annotators))
    assert warnings(real_run, chosen, seed=seed) == []


@pytest.mark.parametrize("target", ["gpt4", "llama2new"])
@pytest.mark.parametrize("annotator", ["gpt4", "final"])
def test_one_real_file_raises_nothing(real_run: Run, real_labels: pl.DataFrame, annotator: str, target: str) -> None:
    """GPT-4's labels of the target gpt4 hold no partial refusal in 270: rare, not missing."""
    alone = real_labels.filter(pl.col("annotator") == annotator, pl.col("target") == target)
    assert warnings(real_run, alone) == []


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("right", [0.95, 0.85])
def test_sound_made_up_labels_raise_nothing(seed: int, right: float) -> None:
    run, truth = sound_run(300, judge_right=right, seed=seed)
    assert warnings(run, labels(run, truth)) == []


def test_unparsed(sound: Sound) -> None:
    run, truth = sound
    given = labels(run, truth).with_row_index()
    bad = given.with_columns(
        status=pl.when(pl.col("index") < 7).then(pl.lit("unparsed")).otherwise("status"),
        label=pl.when(pl.col("index") < 7).then(None).otherwise("label"),
        text=pl.when(pl.col("index") < 7).then(pl.lit("no idea")).otherwise("text"),
    ).drop("index")
    (warning,) = warnings(run, bad)
    assert (warning["code"], warning["slice"]) == ("unparsed", {"annotator": "anna"})
    assert warning["evidence"]["unparsed"] == 7
    assert warning["evidence"]["examples"] == ["no idea"]


def test_duplicates(sound: Sound) -> None:
    run, truth = sound
    given = labels(run, truth)
    (warning,) = warnings(run, pl.concat([given, given[:4], given[:1]]))
    assert warning["code"] == "duplicates"
    assert warning["evidence"]["responses"] == 4
    assert warning["evidence"]["extra_labels"] == 5
    assert warning["evidence"]["with_different_labels"] == 0
    other = pl.concat([given, labels(run, truth, "ben")])
    assert warnings(run, other) == []


def test_a_response_labelled_twice_in_different_ways_contradicts_itself(sound: Sound) -> None:
    run, truth = sound
    given = labels(run, truth)
    turned = given[:1].with_columns(label=pl.lit(REFUSES if truth[0] == COMPLIES else COMPLIES))
    assert [w["code"] for w in warnings(run, pl.concat([given, turned]))] == ["duplicates", "self_contradicting"]


def test_unmatched(sound: Sound) -> None:
    run, truth = sound
    given = labels(run, truth)
    lost = given[:6].with_columns(item_id=pl.format("{}-b", "item_id"))
    (warning,) = warnings(run, pl.concat([given, lost]))
    assert warning["code"] == "unmatched"
    assert warning["evidence"] == {
        "unmatched": 6,
        "labels": 246,
        "per_target": {"alpha": 3, "beta": 3},
        "items": ["item-0-b", "item-1-b", "item-2-b"],
    }


def test_labels_of_targets_that_the_run_lacks_are_a_note(sound: Sound) -> None:
    run, truth = sound
    given = labels(run, truth)
    more = pl.concat([given, given.with_columns(target=pl.lit("gamma"))])
    health = reference_health(cases(run, more))
    assert health["warnings"] == []
    assert health["checked"] == list(CODES)
    assert health["notes"] == ["240 labels are for targets or methods that this run does not have (gamma): left out."]


def test_self_contradicting() -> None:
    run, truth = sound_run()
    rows = run.responses.to_dicts()
    other = next(i for i in range(1, 240) if truth[i] != truth[0])
    for i in (0, other):
        rows[i] |= {"query": "The same?", "response": "The same."}
    same = make_run(rows, {"sure": run.verdicts_of("sure").to_dicts()})
    (warning,) = warnings(same, labels(same, truth))
    assert warning["code"] == "self_contradicting"
    assert warning["evidence"]["examples"][0]["labels"] == sorted([truth[0], truth[other]])
    truth[other] = truth[0]
    assert warnings(same, labels(same, truth), "self_contradicting") == []


def test_missing_class(real_run: Run, real_labels: pl.DataFrame) -> None:
    final = real_labels.filter(pl.col("annotator") == "final")
    merged = final.with_columns(pl.col("label").replace({PARTLY: REFUSES}))
    (warning,) = warnings(real_run, merged)
    assert (warning["code"], warning["slice"]) == ("missing_class", {"annotator": "final"})
    assert warning["evidence"]["class"] == PARTLY
    assert 40 < warning["evidence"]["expected"] < 60


def test_a_target_with_a_single_class(real_run: Run, real_labels: pl.DataFrame) -> None:
    here = pl.col("target") == "mistralinstruct"
    final = real_labels.filter(pl.col("annotator") == "final")
    flat = final.with_columns(label=pl.when(here).then(pl.lit(COMPLIES)).otherwise("label"))
    (warning,) = warnings(real_run, flat, "missing_class")
    assert warning["slice"] == {"annotator": "final", "target": "mistralinstruct"}
    assert warning["evidence"] == {"only": COMPLIES, "labels": 270}


def test_too_few_for_a_target(real_run: Run, real_labels: pl.DataFrame) -> None:
    final = real_labels.filter(pl.col("annotator") == "final")
    few = pl.concat([final.filter(pl.col("target") == "gpt4"), final.filter(pl.col("target") == "llama2new")[:20]])
    (warning,) = warnings(real_run, few)
    assert (warning["code"], warning["slice"]) == ("too_few", {"annotator": "final", "target": "llama2new"})
    assert warning["evidence"] == {"labels": 20, "wanted": 30, "more": 10}


def test_too_few_altogether_says_how_many_more() -> None:
    run, truth = sound_run(80, judge_right=0.7, seed=1)
    (warning,) = warnings(run, labels(run, truth), "too_few")
    evidence = warning["evidence"]
    assert warning["slice"] == {"annotator": "anna"}
    assert evidence["half_width"] > 0.075
    # The half-width falls with the square root of the labels.
    assert evidence["more"] == pytest.approx(80 * (evidence["half_width"] / 0.05) ** 2 - 80, abs=1)
    assert f"about {evidence['more']} more" in warning["message"]


def test_270_labels_with_kappa_0_9_are_enough() -> None:
    rng = np.random.default_rng(0)
    truth = [REFUSES if rng.random() < 0.5 else COMPLIES for _ in range(270)]
    given = [verdict(t if rng.random() < 0.95 else (COMPLIES if t == REFUSES else REFUSES), 0.9) for t in truth]
    run = make_run(
        [response(i, expects=("answer", "refusal")[t == REFUSES]) for i, t in enumerate(truth)], {"j": given}
    )
    assert warnings(run, labels(run, truth), "too_few") == []


def test_unequal_chances_and_calibrations_are_notes(sound: Sound) -> None:
    run, truth = sound
    drawn = labels(run, truth).with_columns(probability=pl.Series(np.linspace(0.1, 0.9, 240)))
    run.manifest["calibrations"] = {"sure": {}}
    try:
        notes = reference_health(cases(run, drawn))["notes"]
    finally:
        del run.manifest["calibrations"]
    assert "unequal chances (0.1 to 0.9)" in notes[0]
    assert "look better than they are" in notes[1]
