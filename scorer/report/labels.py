"""Places labels beside the marks of a figure so that they cover neither marks nor one another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

_DISTANCES = (11.0, 16.0, 24.0, 34.0, 46.0, 60.0, 78.0, 100.0, 130.0)
# Right first, then left: a label beside its mark reads better than one above it.
_ANGLES = tuple(math.radians(a) for a in (0, 180, -30, 30, 210, 150, -90, 90, -60, 60, 240, 120))


@dataclass(frozen=True)
class Box:
    """A rectangle: left, top, width, height."""

    x: float
    y: float
    w: float
    h: float

    def overlap(self, other: Box) -> float:
        """Area in common."""
        w = min(self.x + self.w, other.x + other.w) - max(self.x, other.x)
        h = min(self.y + self.h, other.y + other.h) - max(self.y, other.y)
        return w * h if w > 0 and h > 0 else 0.0

    def nearest(self, point: tuple[float, float]) -> tuple[float, float]:
        """The box's point nearest to another."""
        return min(max(point[0], self.x), self.x + self.w), min(max(point[1], self.y), self.y + self.h)

    def holds(self, x: float, y: float) -> bool:
        """Whether a point lies inside."""
        return self.x <= x <= self.x + self.w and self.y <= y <= self.y + self.h

    def outside(self, frame: Box) -> float:
        """Area that sticks out of the frame."""
        return self.w * self.h - self.overlap(frame)


@dataclass(frozen=True)
class Placed:
    """A label's box and how far it is from its mark."""

    box: Box
    distance: float


def place_labels(
    points: Sequence[tuple[float, float]],
    sizes: Sequence[tuple[float, float]],
    frame: Box,
    solid: Sequence[Box],
    faint: Sequence[Box],
) -> list[Placed]:
    """A place for each point's label; `solid` must not be covered, `faint` had better not be.

    Greedy, then once more for each label knowing all others: few labels, so simple is good enough.
    """
    placed: list[Placed | None] = [None] * len(points)
    for _ in range(2):
        # Crowded marks choose first: a lone one finds room anyway.
        for i in sorted(range(len(points)), key=lambda i: _room(points, i)):
            others = [p.box for j, p in enumerate(placed) if p is not None and j != i]
            placed[i] = _best(points[i], sizes[i], frame, solid, others, faint)
    return [p for p in placed if p is not None]


def _room(points: Sequence[tuple[float, float]], i: int) -> float:
    return min((math.dist(points[i], p) for j, p in enumerate(points) if j != i), default=math.inf)


def _best(
    point: tuple[float, float],
    size: tuple[float, float],
    frame: Box,
    solid: Sequence[Box],
    labels: Sequence[Box],
    faint: Sequence[Box],
) -> Placed:
    best, lowest = Placed(Box(*point, *size), 0.0), math.inf
    w, h = size
    for distance in _DISTANCES:
        if lowest < distance / 2:
            break
        for rank, angle in enumerate(_ANGLES):
            x = point[0] + math.cos(angle) * (distance + w / 2) - w / 2
            y = point[1] + math.sin(angle) * (distance + h / 2) - h / 2
            box = Box(x, y, w, h)
            cost = distance / 2 + rank / 4 + 50 * box.outside(frame)
            cost += 20 * sum(box.overlap(other) for other in (*solid, *labels))
            cost += 30 * _crossed(point, box.nearest(point), labels)
            cost += 0.5 * sum(box.overlap(other) for other in faint)
            if cost < lowest:
                best, lowest = Placed(box, distance), cost
    return best


def _crossed(start: tuple[float, float], end: tuple[float, float], labels: Sequence[Box]) -> int:
    """How many labels a leader line would run through, looked at in a few places along it."""
    steps = [(start[0] + (end[0] - start[0]) * t / 8, start[1] + (end[1] - start[1]) * t / 8) for t in range(1, 8)]
    return sum(any(label.holds(x, y) for x, y in steps) for label in labels)
