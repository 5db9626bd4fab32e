"""Calibrators: scikit-learn's contract, what each can and cannot learn, the saved form, and the choice between them."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import expit, logit
from sklearn.utils.estimator_checks import parametrize_with_checks

from scorer.calibration.calibrators import (
    CALIBRATORS,
    EDGE,
    BetaCalibrator,
    Calibrator,
    IdentityCalibrator,
    IsotonicCalibrator,
    TemperatureCalibrator,
    load,
)
from scorer.calibration.choosing import choose

Floats = NDArray[np.float64]
every = pytest.mark.parametrize("kind", CALIBRATORS)


@parametrize_with_checks([kind() for kind in CALIBRATORS])
def test_follows_the_contract_of_scikit_learn(estimator: Any, check: Any) -> None:
    check(estimator)


def _judge(n: int, seed: int, temperature: float = 1.0) -> tuple[Floats, Floats]:
    """Probabilities that are right, made too sure (temperature > 1) or too shy, and outcomes."""
    rng = np.random.default_rng(seed)
    honest = rng.beta(0.6, 0.6, n)
    y = (rng.random(n) < honest).astype(float)
    return expit(logit(np.clip(honest, 1e-4, 1 - 1e-4)) * temperature)[:, None], y


@every
def test_probabilities_are_inside_0_and_1_sum_to_1_and_never_fall(kind: type[Calibrator]) -> None:
    p, y = _judge(300, 0, 2.0)
    out = kind().fit(p, y).predict_proba(np.linspace(0, 1, 501)[:, None])
    assert out.sum(axis=1) == pytest.approx(1)
    assert out.min() > 0
    assert out.max() < 1
    assert np.all(np.diff(out[:, 1]) >= -1e-12)


@every
def test_a_judge_that_is_never_wrong_does_not_make_a_calibrator_certain(kind: type[Calibrator]) -> None:
    p = np.r_[np.full(10, 0.2), np.full(10, 0.8)][:, None]
    low, high = kind().fit(p, np.repeat([0.0, 1.0], 10)).predict_proba([[0.2], [0.8]])[:, 1]
    assert 0.05 < low < 0.5 < high < 0.95


@every
def test_saved_as_plain_numbers_and_read_back_alike(kind: type[Calibrator]) -> None:
    p, y = _judge(200, 1, 1.5)
    fitted = kind().fit(p, y)
    again = load(json.loads(json.dumps(fitted.to_json())))
    assert type(again) is kind
    x = np.linspace(0, 1, 50)[:, None]
    assert np.array_equal(again.predict_proba(x), fitted.predict_proba(x))
    assert np.array_equal(again.predict(x), fitted.predict(x))


@every
def test_one_class_of_labels_cannot_be_fitted(kind: type[Calibrator]) -> None:
    with pytest.raises(ValueError, match="both classes are needed"):
        kind().fit([[0.1], [0.2]], [1, 1])


@every
def test_a_weight_counts_like_that_many_labels(kind: type[Calibrator]) -> None:
    p, y = _judge(60, 2)
    times = np.random.default_rng(3).integers(0, 4, 60)
    x = np.linspace(0.01, 0.99, 20)[:, None]
    weighted = kind().fit(p, y, times.astype(float)).predict_proba(x)
    repeated = kind().fit(np.repeat(p, times, axis=0), np.repeat(y, times)).predict_proba(x)
    assert weighted == pytest.approx(repeated, abs=1e-5)


def test_identity_leaves_probabilities_as_they_are() -> None:
    fitted = IdentityCalibrator().fit([[0.1], [0.9]], [0, 1])
    assert fitted.predict_proba([[0.3], [1.0]])[:, 1] == pytest.approx([0.3, 1 - EDGE])


def test_temperature_of_a_hand_worked_case() -> None:
    # p = 0.9 for 10 cases of which 8 are true; p = 0.1 for 10 of which 2 are true: 10 true and 10 false in all.
    # Platt's targets are 11/12 and 1/12, so the mean target at p = 0.9 is (8 * 11 + 2) / 120 = 90 / 120 = 0.75.
    # By symmetry the fitted sigmoid passes through it: logit(0.9) / T = logit(0.75), T = ln 9 / ln 3 = 2.
    p = np.r_[np.full(10, 0.9), np.full(10, 0.1)][:, None]
    y = np.r_[np.ones(8), np.zeros(2), np.ones(2), np.zeros(8)]
    assert TemperatureCalibrator().fit(p, y).temperature_ == pytest.approx(2, rel=1e-5)
    assert TemperatureCalibrator().fit(p, y).predict_proba([[0.9]])[0, 1] == pytest.approx(0.75)


def test_beta_of_a_hand_worked_case() -> None:
    # p = 0.5 only: log p = log(1 - p), so the map is one number, the mean target. 3 of 4 true: targets 4/5 and 1/3,
    # mean (3 * 4/5 + 1/3) / 4 = 41/60.
    fitted = BetaCalibrator().fit(np.full((4, 1), 0.5), [1, 1, 1, 0])
    assert fitted.predict_proba([[0.5]])[0, 1] == pytest.approx(41 / 60, abs=1e-6)


def test_isotonic_of_a_hand_worked_case() -> None:
    # Labels in order of p: 0 1 0 1, and the two more: flagged at the lowest p, not flagged at the highest.
    # Blocks at equal p: 0.2 -> {0, 1}: 1/2; 0.4 -> 1; 0.6 -> 0; 0.8 -> {1, 0}: 1/2.
    # Pooling adjacent violators: 1 and 0 -> 1/2; nothing is left that rises: 1/2 everywhere.
    flat = IsotonicCalibrator().fit([[0.2], [0.4], [0.6], [0.8]], [0, 1, 0, 1])
    assert flat.predict_proba([[0.1], [0.5], [0.9]])[:, 1] == pytest.approx([0.5] * 3)
    # 0 0 0 | 1 1 1: 0.1 -> {0, 1} pools with the two zeros after it: 1/4; likewise 3/4 above. Between 0.3 and 0.7 the
    # line in logit(p) is at its middle at p = 0.5.
    steps = IsotonicCalibrator().fit([[0.1], [0.2], [0.3], [0.7], [0.8], [0.9]], [0, 0, 0, 1, 1, 1])
    assert steps.predict_proba([[0.05], [0.3], [0.5], [0.7], [1.0]])[:, 1] == pytest.approx(
        [0.25, 0.25, 0.5, 0.75, 0.75]
    )


def test_a_judge_worse_than_chance_is_flattened_not_turned_round() -> None:
    p, y = _judge(400, 4)
    out = BetaCalibrator().fit(1 - p, y).predict_proba([[0.05], [0.95]])[:, 1]
    assert out[0] == pytest.approx(out[1], abs=1e-6)


@pytest.mark.parametrize(
    ("saved", "says"),
    [
        ({"kind": "spline"}, "'spline' is none of identity, temperature, beta, isotonic"),
        ({"kind": "beta", "classes": [0, 1], "columns": 1, "a_": 1.0}, "beta calibrator without b_, c_"),
        ({"kind": "temperature", "classes": [0, 1], "columns": 1, "temperature_": math.nan}, "not finite"),
    ],
)
def test_a_broken_saved_calibrator_is_refused(saved: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        load(saved)


def test_a_calibrator_of_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="kind 'identity' where 'beta'"):
        BetaCalibrator.from_json({"kind": "identity"})


@pytest.mark.parametrize(
    ("temperature", "names"), [(1.0, {"identity"}), (4.0, {"temperature"}), (0.4, {"temperature"})]
)
def test_the_choice_is_the_simplest_that_does(temperature: float, names: set[str]) -> None:
    p, y = _judge(600, 5, temperature)
    name, fitted, table = choose(p[:, 0], y, np.arange(600) // 3, np.random.default_rng(0))
    assert name in names
    assert fitted.kind == name
    assert [row.name for row in table] == ["identity", "temperature", "beta", "isotonic"]
    assert [row.name for row in table if row.chosen] == [name]
    assert min(row.excess for row in table) == 0


def test_a_skewed_judge_needs_more_than_a_temperature() -> None:
    rng = np.random.default_rng(6)
    honest = rng.beta(0.6, 0.6, 800)
    y = (rng.random(800) < honest).astype(float)
    shifted = expit(logit(np.clip(honest, 1e-4, 1 - 1e-4)) - 2)
    name = choose(shifted, y, np.arange(800), np.random.default_rng(0))[0]
    assert name == "beta"


def test_groups_stay_together_when_choosing() -> None:
    # Every group has one probability and one label, 25 times: leaked labels would make isotonic look perfect.
    rng = np.random.default_rng(7)
    p, y = rng.random(20).repeat(25), rng.integers(0, 2, 20).repeat(25).astype(float)
    table = choose(p, y, np.arange(20).repeat(25), np.random.default_rng(0))[2]
    leaked = choose(p, y, np.arange(500), np.random.default_rng(0))[2]
    assert leaked[3].log_loss < math.log(2) - 0.1 < table[3].log_loss


def test_the_same_seed_chooses_alike() -> None:
    p, y = _judge(100, 8)
    first, second = (choose(p[:, 0], y, np.arange(100), np.random.default_rng(9))[2] for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    ("y", "groups", "says"),
    [([1, 1, 1, 1], [0, 1, 2, 3], "both of them"), ([0, 1, 0, 1], [5, 5, 5, 5], "at least two groups")],
)
def test_nothing_to_choose_on(y: list[int], groups: list[int], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        choose([0.1, 0.2, 0.3, 0.4], y, groups, np.random.default_rng(0))


def test_folds_of_one_class_leave_probabilities_as_they_are() -> None:
    # The only flagged label: without its group nothing can be fitted.
    table = choose([0.2, 0.3, 0.4, 0.9], [0, 0, 0, 1], [0, 1, 2, 3], np.random.default_rng(0))[2]
    assert all(math.isfinite(row.log_loss) for row in table)
