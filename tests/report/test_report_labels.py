"""The figure's labels keep clear of one another, of marks and of the frame."""

from __future__ import annotations

import random

import pytest

from scorer.report.labels import Box, place_labels

FRAME = Box(60, 10, 800, 490)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("count", "spread"), [(1, 1), (8, 400), (8, 40), (12, 90)])
def test_labels_do_not_overlap(count: int, spread: float, seed: int) -> None:
    rng = random.Random(seed)
    points = [(500 + rng.uniform(-1, 1) * spread / 2, 250 + rng.uniform(-1, 1) * spread / 2) for _ in range(count)]
    placed = place_labels(points, [(120.0, 15.0)] * count, FRAME, [], [])
    boxes = [p.box for p in placed]
    assert all(box.outside(FRAME) < 1 for box in boxes)
    shared = sum(a.overlap(b) for i, a in enumerate(boxes) for b in boxes[:i])
    assert shared < 0.02 * sum(b.w * b.h for b in boxes)


def test_a_corner_point_keeps_its_label_inside() -> None:
    for corner in ((60, 10), (860, 10), (60, 500), (860, 500)):
        (placed,) = place_labels([corner], [(150.0, 15.0)], FRAME, [], [])
        assert placed.box.outside(FRAME) < 1


def test_overlap_is_the_common_area() -> None:
    assert Box(0, 0, 4, 4).overlap(Box(2, 3, 4, 4)) == 2 * 1
    assert Box(0, 0, 4, 4).overlap(Box(4, 0, 1, 1)) == 0
