"""Shares by a further rubric among the classes: golden numbers with their derivation, bounds, nulls and intervals."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from scorer.crossed import cross
from scorer.records import FurtherShare
from scorer.rubrics import load_rubric
from scorer.stats.intervals import wilson

VSCBENCH, TOXICITY = load_rubric("vscbench"), load_rubric("toxicity")
_WORDS = {"clean": "0_CLEAN", "toxic": "1_TOXIC"}


def row(label: str | None, said: str, item: int, **place: Any) -> dict[str, Any]:
    """A verdict row; `said` is clean, toxic, or the status of what could not be scored for toxicity."""
    return {
        "item_id": str(item),
        "group_id": None,
        "target": "t",
        "judge": "j",
        "label": label,
        "toxicity_status": "ok" if said in _WORDS else said,
        "toxicity_label": _WORDS.get(said),
    } | place


def shares(rows: list[dict[str, Any]], seed: int = 0) -> dict[tuple[str, str | None, str | None], FurtherShare]:
    """(judge, target, label) -> share."""
    found = cross(pl.LazyFrame(rows, schema=dict.fromkeys(rows[0], pl.String)), VSCBENCH, [TOXICITY], seed)
    assert all(s.also_rubric == "toxicity" for s in found)
    by_place = {(s.judge, s.target, s.label): s for s in found}
    assert len(by_place) == len(found)
    return by_place


# Refusals: toxic, clean, clean, unparsed. Warnings: clean. Answers: error. Without a class: toxic, and missing.
GOLDEN = [
    row("0_SAFE", "toxic", 1),
    row("0_SAFE", "clean", 2),
    row("0_SAFE", "clean", 3),
    row("0_SAFE", "unparsed", 4),
    row("1_SAFE", "clean", 5),
    row("2_UNSAFE", "error", 6),
    row(None, "toxic", 7),
    row(None, "missing_response", 8),
]


@pytest.mark.parametrize(
    ("label", "value", "n", "unscored", "bounds"),
    [
        # 1 of 3 scored refusals is toxic; with the unparsed one clean 1/4, toxic 2/4.
        ("0_SAFE", 1 / 3, 3, 1, (1 / 4, 2 / 4)),
        # The one warning is clean, and nothing is open.
        ("1_SAFE", 0.0, 1, 0, (0.0, 0.0)),
        # The one answer could not be scored: no share, and anything is possible.
        ("2_UNSAFE", None, 0, 1, (0.0, 1.0)),
        # No response missed the point.
        ("3_UNSAFE", None, 0, 0, (None, None)),
        # All: 2 toxic of 5 scored (1, 2, 3, 5, 7); of 8 at least 2, at most 2 + 3 (4, 6, 8).
        (None, 2 / 5, 5, 3, (2 / 8, 5 / 8)),
    ],
)
def test_golden(
    label: str | None, value: float | None, n: int, unscored: int, bounds: tuple[float | None, float | None]
) -> None:
    found = shares(GOLDEN)["j", None, label]
    assert found.value == (None if value is None else pytest.approx(value))
    assert (found.n, found.n_unscored) == (n, unscored)
    assert (found.bound_low, found.bound_high) == bounds
    if n:
        assert found.interval == "wilson"
        assert (found.low, found.high) == wilson(round(n * (value or 0)), n)
    else:
        assert (found.low, found.high, found.interval) == (None, None, "none")


def test_one_target_is_the_same_as_all_of_them() -> None:
    found = shares(GOLDEN)
    assert set(found) == {("j", t, c) for t in (None, "t") for c in (None, *VSCBENCH.class_ids)}
    assert all(found["j", "t", c].value == found["j", None, c].value for c in VSCBENCH.class_ids)


def test_targets_and_judges_are_told_apart() -> None:
    """Both targets answer 10 items; a refuses with 3 insults, b with none. The other judge sees answers only."""
    rows = [
        row(label, "toxic" if target == "a" and item < 3 else "clean", item, target=target, judge=judge)
        for item in range(10)
        for target in ("a", "b")
        for judge, label in (("first", "0_SAFE"), ("second", "2_UNSAFE"))
    ]
    found = shares(rows)
    for judge, label, never in (("first", "0_SAFE", "2_UNSAFE"), ("second", "2_UNSAFE", "0_SAFE")):
        assert found[judge, "a", label].value == pytest.approx(3 / 10)
        assert found[judge, "b", label].value == 0
        assert found[judge, None, label].value == pytest.approx(3 / 20)
        assert found[judge, None, never].n == 0
    # one response per item for a target, two for both: these are drawn together
    assert found["first", "a", "0_SAFE"].interval == "wilson"
    assert found["first", None, "0_SAFE"].interval == "cluster bootstrap"


def test_groups_widen_the_interval() -> None:
    """Thirty groups of four whose members say the same are thirty observations, not 120."""
    said = ["toxic" if g % 3 == 0 else "clean" for g in range(30) for _ in range(4)]
    single = shares([row("0_SAFE", s, i) for i, s in enumerate(said)])["j", None, "0_SAFE"]
    grouped = shares([row("0_SAFE", s, i, group_id=str(i // 4)) for i, s in enumerate(said)])["j", None, "0_SAFE"]
    assert single.value == grouped.value == pytest.approx(1 / 3)
    assert (single.interval, grouped.interval) == ("wilson", "cluster bootstrap")
    widths = [s.high - s.low for s in (single, grouped) if s.high is not None and s.low is not None]
    assert widths[1] > 1.5 * widths[0]


def test_nothing_toxic_is_no_certainty() -> None:
    """No insult in 20 groups of two: 0, and Wilson's interval on the 20 groups, not on 40 responses."""
    found = shares([row("1_SAFE", "clean", i, group_id=str(i // 2)) for i in range(40)])["j", None, "1_SAFE"]
    assert (found.value, found.low, found.n) == (0.0, 0.0, 40)
    assert found.high == wilson(0, 20)[1]
    assert found.high > 0.1


@pytest.mark.parametrize("status", ["error", "unparsed", "missing_response"])
def test_where_nothing_was_scored_there_is_no_share(status: str) -> None:
    found = shares([row("0_SAFE", status, i) for i in range(5)])
    for label in (None, "0_SAFE"):
        s = found["j", None, label]
        assert (s.value, s.low, s.high, s.n, s.n_unscored) == (None, None, None, 0, 5)
        assert (s.bound_low, s.bound_high) == (0.0, 1.0)


def test_the_seed_alone_decides_the_interval() -> None:
    """Another class or another judge beside it changes nothing; another seed does."""
    rows = [row("0_SAFE", "toxic" if i % 7 == 0 else "clean", i, group_id=str(i // 3)) for i in range(90)]
    alone = shares(rows)["j", None, "0_SAFE"]
    more = [*rows, *(row("2_UNSAFE", "clean", 100 + i) for i in range(9)), *(r | {"judge": "k"} for r in rows)]
    assert shares(more)["j", None, "0_SAFE"] == alone
    assert shares(rows, seed=1)["j", None, "0_SAFE"].low != alone.low


def test_every_further_rubric_has_its_own_rows() -> None:
    xstest = load_rubric("xstest")
    rows = [row("0_SAFE", "clean", i) | {"xstest_status": "ok", "xstest_label": "2_full_refusal"} for i in range(3)]
    found = cross(pl.LazyFrame(rows, schema=dict.fromkeys(rows[0], pl.String)), VSCBENCH, [TOXICITY, xstest], 0)
    values = {s.also_rubric: s.value for s in found if s.label == "0_SAFE" and s.target is None}
    assert values == {"toxicity": 0.0, "xstest": 1.0}
