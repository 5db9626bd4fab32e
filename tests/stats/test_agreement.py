"""Agreement: published and hand-derived numbers, the packages' own, and intervals that do not claim too much."""

from __future__ import annotations

import krippendorff
import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import cohen_kappa_score, precision_recall_fscore_support

from scorer.stats import _confusion
from scorer.stats.agreement import NO_CASE, NO_SPREAD, ONE_CLASS, Agreement, agreement

Ints = NDArray[np.int64]


def _from_table(table: list[list[int]]) -> tuple[Ints, Ints]:
    m = np.array(table)
    i, j = np.indices(m.shape)
    return np.repeat(i.ravel(), m.ravel()), np.repeat(j.ravel(), m.ravel())


def _agreement(a: list[int] | Ints, b: list[int] | Ints, k: int, cluster: Ints | None = None) -> Agreement:
    return agreement(a, b, np.arange(len(a)) if cluster is None else cluster, k, np.random.default_rng(0))


def test_gwet_ac1_of_his_paradox_table() -> None:
    # Gwet (2002), "Kappa statistic is not satisfactory for assessing the extent of agreement between raters", the
    # table 118 5 / 2 0 of 125 subjects: agreement 118/125 = 0.944, kappa -0.023, AC1 0.941.
    # AC1: pi = (123 + 120) / 250 = 0.972, chance 2 * 0.972 * 0.028 = 0.054432, (0.944 - 0.054432) / 0.945568 = 0.9408.
    # Kappa: chance (123 * 120 + 2 * 5) / 125^2 = 0.94528, (0.944 - 0.94528) / 0.05472 = -0.0234.
    a, b = _from_table([[118, 5], [2, 0]])
    found = _agreement(a, b, 2).measures
    assert found["accuracy"].value == pytest.approx(0.944)
    assert found["ac1"].value == pytest.approx(0.9408, abs=5e-5)
    assert found["kappa"].value == pytest.approx(-0.0234, abs=5e-5)


def test_gwet_ac1_of_feinstein_and_cicchetti() -> None:
    # Feinstein & Cicchetti (1990), J Clin Epidemiol 43, 543-549: the same agreement of 0.85, kappa 0.70 and 0.32.
    # AC1 of 40 9 / 6 45: pi = (49 + 46) / 200 = 0.475, chance 2 * 0.475 * 0.525 = 0.49875, (0.85 - 0.49875) / 0.50125
    # = 0.7007. Of 80 10 / 5 5: pi = 0.875, chance 0.21875, (0.85 - 0.21875) / 0.78125 = 0.808.
    for table, kappa, ac1 in (([[40, 9], [6, 45]], 0.70, 0.7007), ([[80, 10], [5, 5]], 0.32, 0.808)):
        found = _agreement(*_from_table(table), 2).measures
        assert found["kappa"].value == pytest.approx(kappa, abs=0.005)
        assert found["ac1"].value == pytest.approx(ac1, abs=5e-5)


def test_gwet_ac1_of_three_classes_by_hand() -> None:
    # 2 0 0 / 1 1 0 / 0 0 0: shares of a 1/2 1/2 0, of b 3/4 1/4 0, pi 5/8 3/8 0.
    # Chance (5/8 * 3/8 * 2) / (3 - 1) = 15/64, agreement 3/4: (48 - 15) / (64 - 15) = 33/49.
    assert _agreement([0, 0, 1, 1], [0, 0, 0, 1], 3).measures["ac1"].value == pytest.approx(33 / 49)


def test_krippendorff_alpha_of_his_worked_examples() -> None:
    # Krippendorff (2011), "Computing Krippendorff's alpha-reliability", sections A (0.095) and B (0.692).
    meg, owen = [0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]
    assert _agreement(meg, owen, 2).measures["alpha"].value == pytest.approx(0.095, abs=5e-4)
    ben, gerry = ([*map("abcde".index, text)] for text in ("aabbdcccedda", "babbbccceddd"))
    assert _agreement(ben, gerry, 5).measures["alpha"].value == pytest.approx(0.692, abs=5e-4)


def test_measures_per_class_by_hand() -> None:
    # rows a, columns b: 3 1 0 / 0 2 0 / 0 2 0. Class 1: b gives it 5 times, a twice, both twice: precision 2/5,
    # recall 1, F1 2*2/(5+2). Class 2: b never gives it: no precision; recall 0 of 2; F1 0/(0+2) = 0.
    found = _agreement(*_from_table([[3, 1, 0], [0, 2, 0], [0, 2, 0]]), 3)
    assert found.confusion == ((3, 1, 0), (0, 2, 0), (0, 2, 0))
    values = [{name: m.value for name, m in each.items()} for each in found.classes]
    assert values[0] == pytest.approx({"precision": 1, "recall": 3 / 4, "f1": 6 / 7})
    assert values[1] == pytest.approx({"precision": 2 / 5, "recall": 1, "f1": 4 / 7})
    assert values[2] == {"precision": None, "recall": 0, "f1": 0}
    assert found.classes[2]["precision"].reason == NO_CASE


def test_the_formulas_of_the_bootstrap_are_those_of_the_packages() -> None:
    rng = np.random.default_rng(1)
    for k in (2, 3, 4):
        a, b = rng.integers(0, k, (2, 40))
        b = np.where(rng.random(40) < 0.5, a, b)
        m = np.zeros((k, k))
        np.add.at(m, (a, b), 1)
        assert _confusion.kappa(m) == pytest.approx(cohen_kappa_score(a, b))
        nominal = krippendorff.alpha(np.stack([a, b]), level_of_measurement="nominal")
        assert _confusion.alpha(m) == pytest.approx(nominal)
        theirs = precision_recall_fscore_support(a, b, labels=range(k), zero_division=np.nan)[:3]
        ours = [_confusion.precision(m), _confusion.recall(m), _confusion.f1(m)]
        assert np.allclose(ours, theirs, equal_nan=True)


def test_perfect_agreement_does_not_claim_certainty() -> None:
    labels = [0, 1] * 10
    found = _agreement(labels, labels, 2)
    # Wilson's lower limit of 20 in 20: 1 / (1 + 1.96^2 / 20) = 0.8389; of 10 in 10: 0.7225.
    assert (found.measures["accuracy"].low, found.measures["accuracy"].high) == pytest.approx((0.8389, 1), abs=5e-5)
    assert found.classes[0]["precision"].low == pytest.approx(0.7225, abs=5e-5)
    assert found.classes[0]["f1"].low == pytest.approx(0.7225, abs=5e-5)
    for name in ("kappa", "alpha", "ac1"):
        measure = found.measures[name]
        assert (measure.value, measure.low, measure.high, measure.reason) == (1, None, None, NO_SPREAD)


def test_perfect_agreement_in_few_clusters_counts_clusters_not_cases() -> None:
    labels = np.tile([0, 1], 10)
    found = _agreement(labels, labels, 2, cluster=np.repeat(np.arange(4), 5))
    # Wilson's lower limit of 4 in 4: 1 / (1 + 1.96^2 / 4) = 0.5101.
    assert found.measures["accuracy"].low == pytest.approx(0.5101, abs=5e-5)
    assert (found.n, found.clusters) == (20, 4)


def test_one_class_only() -> None:
    found = _agreement([1] * 8, [1] * 8, 2)
    for name in ("kappa", "alpha"):
        assert (found.measures[name].value, found.measures[name].reason) == (None, ONE_CLASS)
    # AC1: pi is 0 or 1, nothing was hard to tell, chance agreement 0.
    assert found.measures["ac1"].value == 1
    assert found.classes[0]["recall"].value is None


def test_nothing_to_compare() -> None:
    found = _agreement([], [], 3)
    assert (found.n, found.clusters, found.confusion) == (0, 0, ((0, 0, 0),) * 3)
    for measure in (*found.measures.values(), *(m for each in found.classes for m in each.values())):
        assert (measure.value, measure.low, measure.high, measure.reason) == (None, None, None, NO_CASE)


def test_a_single_case_and_a_single_cluster() -> None:
    for cluster in (np.array([0]), np.array([0, 0])):
        n = len(cluster)
        found = _agreement([0, 1][:n], [0, 0][:n], 2, cluster=cluster)
        accuracy = found.measures["accuracy"]
        assert accuracy.low is not None
        assert accuracy.high is not None
        assert accuracy.high - accuracy.low > 0.5
        assert found.measures["ac1"].low is None


def test_clusters_widen_the_interval_and_it_holds_the_value() -> None:
    rng = np.random.default_rng(2)
    a = rng.integers(0, 3, 60)
    b = np.where(rng.random(60) < 0.7, a, rng.integers(0, 3, 60))
    apart = _agreement(np.tile(a, 5), np.tile(b, 5), 3)
    together = _agreement(np.tile(a, 5), np.tile(b, 5), 3, cluster=np.tile(np.arange(60), 5))
    for name in ("accuracy", "kappa", "alpha", "ac1"):
        one, many = together.measures[name], apart.measures[name]
        assert one.value == many.value
        assert one.low is not None
        assert one.value is not None
        assert one.high is not None
        assert one.low < one.value < one.high
        assert many.low is not None
        assert many.high is not None
        # Five copies of each case tell nothing new: about sqrt(5) = 2.2 times as wide.
        assert 1.8 < (one.high - one.low) / (many.high - many.low) < 2.8


def test_kappa_covers() -> None:
    # Truth: shares 1/2 1/2, b repeats a with probability 0.8: agreement 0.8, chance 0.5, kappa 0.6.
    rng = np.random.default_rng(3)
    hits = 0
    for _ in range(150):
        a = rng.integers(0, 2, 80)
        b = np.where(rng.random(80) < 0.8, a, 1 - a)
        kappa = agreement(a, b, np.arange(80), 2, rng).measures["kappa"]
        assert kappa.low is not None
        assert kappa.high is not None
        hits += kappa.low <= 0.6 <= kappa.high
    assert 0.90 < hits / 150 < 0.99


@pytest.mark.parametrize(
    ("a", "b", "cluster", "k", "says"),
    [
        ([0, 1], [0], [0, 1], 2, "equally long"),
        ([0, 1], [0, 1], [0], 2, "equally long"),
        ([0, 2], [0, 1], [0, 1], 2, "from 0 to 1"),
        ([0, 0.5], [0, 1], [0, 1], 2, "whole numbers"),
        ([0], [0], [0], 1, "two classes"),
    ],
)
def test_labels_that_do_not_fit(a: list[float], b: list[int], cluster: list[int], k: int, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        agreement(a, b, cluster, k, np.random.default_rng(0))
