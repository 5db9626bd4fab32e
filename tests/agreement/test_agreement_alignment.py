"""Labels beside the wrong responses are found, and labels of mediocre judges are not accused."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from agreement_runs import (
    COMPLIES,
    REFUSES,
    TARGETS,
    cases,
    labels,
    make_run,
    relabelled,
    response,
    sound_run,
    verdict,
    warnings,
)

from scorer.agreement._alignment import _moments, allowed_p_value, association, better_placement, can_tell
from scorer.agreement._misaligned import misaligned
from scorer.report.run_files import Run


def found(run: Run, references: pl.DataFrame, seed: int = 0) -> list[dict[str, Any]]:
    return list(misaligned(cases(run, references, seed)))


def slices(run: Run, references: pl.DataFrame, seed: int = 0) -> list[dict[str, str]]:
    return [w["slice"] for w in found(run, references, seed)]


def test_moments_are_those_of_all_permutations() -> None:
    # Fit of labels (0, 1) with two witnesses (1, 0) and (3, 5): as they stand 1 + 5 = 6, swapped 0 + 3 = 3.
    mean, deviation = _moments(np.array([[1.0, 0.0], [3.0, 5.0]]), np.array([0, 1]))
    assert mean == pytest.approx(4.5)
    assert deviation == pytest.approx(1.5)


def test_the_p_value_is_uniform_for_permuted_labels() -> None:
    rng = np.random.default_rng(1)
    p_values = []
    for _ in range(200):
        truth = rng.integers(0, 2, 60)
        witness = np.eye(2)[truth]
        fit = association({"judge": witness, "other": rng.random((60, 2))}, rng.permutation(truth), rng)
        assert fit is not None
        p_values.append(fit.p_value)
    assert np.quantile(p_values, [0.1, 0.5, 0.9]) == pytest.approx([0.1, 0.5, 0.9], abs=0.1)


def test_the_limit_grows_stricter_with_labels_and_with_good_agreement_elsewhere() -> None:
    limits = [allowed_p_value(n) for n in (30, 100, 270, 1000)]
    assert limits == sorted(limits, reverse=True)
    assert allowed_p_value(270, judges_alone=True) > allowed_p_value(270)
    assert allowed_p_value(100, strength_elsewhere=0.9) == 0.001
    assert allowed_p_value(100, strength_elsewhere=0.1) == allowed_p_value(100)


def test_too_few_or_too_uniform_labels_are_not_tested() -> None:
    assert not can_tell(np.array([0, 1] * 14))
    assert can_tell(np.array([0, 1] * 15))
    assert not can_tell(np.array([0] * 96 + [1] * 4))


def test_a_shift_is_told_with_its_direction() -> None:
    rng = np.random.default_rng(2)
    truth = rng.integers(0, 2, 80)
    judge = {"judge": np.eye(2)[truth]}
    later, earlier = (better_placement(judge, {}, np.roll(truth, shift)) for shift in (1, -2))
    assert later is not None
    assert earlier is not None
    assert (later.shift, earlier.shift) == (1, -2)
    assert later.fit == 1
    assert better_placement(judge, {}, truth) is None


def test_real_labels_stand_where_they_belong(real_run: Run, real_labels: pl.DataFrame) -> None:
    assert slices(real_run, real_labels) == []


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("judge", ["good", "keyword-xstest"])
@pytest.mark.parametrize("target", TARGETS)
def test_shuffled_labels_are_found_in_their_slice(
    real_run: Run, real_labels: pl.DataFrame, target: str, judge: str, seed: int
) -> None:
    run = _judged_by(real_run, judge)
    order = np.random.default_rng([seed, 11]).permutation(270)
    shuffled = relabelled(real_labels, "annotator_1", target, order)
    assert slices(run, shuffled, seed) == [{"annotator": "annotator_1", "target": target}]
    alone = shuffled.filter(pl.col("annotator") == "annotator_1", pl.col("target") == target)
    assert slices(run, alone, seed) == [{"annotator": "annotator_1", "target": target}]


@pytest.mark.parametrize("shift", [1, -1, 3])
@pytest.mark.parametrize("target", TARGETS)
def test_labels_that_slipped_by_rows_are_found(
    real_run: Run, real_labels: pl.DataFrame, target: str, shift: int
) -> None:
    alone = real_labels.filter(pl.col("annotator") == "final", pl.col("target") == target)
    (warning,) = found(real_run, relabelled(alone, "final", target, np.roll(np.arange(270), shift)))
    assert warning["slice"] == {"annotator": "final", "target": target}
    assert warning["evidence"]["better_placement"]["shift"] == shift


@pytest.mark.parametrize("n", [30, 60, 100])
def test_few_labels_of_the_only_target(real_run: Run, real_labels: pl.DataFrame, n: int) -> None:
    alone = real_labels.filter(pl.col("annotator") == "final", pl.col("target") == "llama2new")
    caught = 0
    for seed in range(10):
        rng = np.random.default_rng([seed, n])
        some = alone[np.sort(rng.choice(270, n, replace=False)).tolist()]
        assert slices(real_run, some, seed) == []
        caught += bool(slices(real_run, relabelled(some, "final", "llama2new", rng.permutation(n)), seed))
    assert caught >= 9


def test_another_targets_labels_are_found(real_run: Run, real_labels: pl.DataFrame) -> None:
    final = real_labels.filter(pl.col("annotator") == "final", pl.col("target") == "gpt4")
    (warning,) = found(real_run, final.with_columns(target=pl.lit("mistralinstruct")))
    assert warning["evidence"]["better_placement"]["target"] == "gpt4"


@pytest.mark.parametrize("n", [100, 200])
def test_a_mediocre_judge_is_not_taken_for_shuffled_labels(real_run: Run, real_labels: pl.DataFrame, n: int) -> None:
    """Kappa near 0.25: aligned labels pass, permuted ones are still found."""
    accused, caught, tried = 0, 0, 12
    for seed in range(tried):
        rng = np.random.default_rng([seed, n])
        final = real_labels.filter(pl.col("annotator") == "final", pl.col("target") == "llama2new")
        some = final[np.sort(rng.choice(270, n, replace=False)).tolist()]
        right = dict(zip(some["item_id"], some["label"], strict=True))
        given = []
        for row in real_run.responses.iter_rows(named=True):
            flagged = right.get(row["item_id"], REFUSES) != COMPLIES
            given.append(verdict(REFUSES if flagged ^ (rng.random() < 0.375) else COMPLIES))
        run = make_run(real_run.responses.to_dicts(), {"mediocre": given})
        accused += bool(slices(run, some, seed))
        caught += bool(slices(run, relabelled(some, "final", "llama2new", rng.permutation(n)), seed))
    assert accused == 0
    assert caught >= tried - 1


def test_a_mediocre_judge_without_anything_expected() -> None:
    """Nothing but the judge speaks for the labels: most are cleared, most permuted ones found."""
    accused, caught, tried, n = 0, 0, 25, 200
    for seed in range(tried):
        rng = np.random.default_rng([seed, 7])
        truth = rng.random(n) < 0.5
        given = [verdict(REFUSES if t ^ (rng.random() < 0.375) else COMPLIES) for t in truth]
        run = make_run([response(i, expects=None) for i in range(n)], {"mediocre": given})
        right = labels(run, [REFUSES if t else COMPLIES for t in truth])
        accused += bool(slices(run, right, seed))
        caught += bool(slices(run, relabelled(right, "anna", "alpha", rng.permutation(n)), seed))
    assert accused <= 4
    assert caught >= tried - 3


def test_a_file_of_many_small_targets_is_tested_as_a_whole() -> None:
    base, truth = sound_run(120)
    rows = [r | {"target": f"t{i % 8}"} for i, r in enumerate(base.responses.iter_rows(named=True))]
    run = make_run(rows, {"sure": base.verdicts_of("sure").to_dicts()})
    given = labels(run, truth)
    shuffled = labels(run, list(np.random.default_rng(0).permutation(truth)))
    assert slices(run, given) == []
    assert slices(run, shuffled) == [{"annotator": "anna", "source": "labels.csv"}]


def test_the_message_says_what_to_do(real_run: Run, real_labels: pl.DataFrame) -> None:
    order = np.random.default_rng(3).permutation(270)
    (warning,) = warnings(real_run, relabelled(real_labels, "gpt4", "gpt4", order), "misaligned")
    assert "hardly better than if they were shuffled" in warning["message"]
    test = warning["evidence"]["permutation_test"]
    assert test["p_value"] > test["allowed_p_value"]
    assert 0 < warning["evidence"]["agreement"]["good"] < 0.7


def _judged_by(run: Run, judge: str) -> Run:
    return Run(run.manifest, (), run.responses, run.verdicts.filter(pl.col("judge") == judge))
