"""Geometry of the figure of SRAs against SRAu: marks, whiskers, corners, labels. The template only prints it."""

from __future__ import annotations

from dataclasses import dataclass

from scorer.report.headline import (
    OVERSAFE_SRAS,
    OVERSAFE_SRAU,
    UNDERSAFE_SRAS,
    UNDERSAFE_SRAU,
    Headline,
    Line,
)
from scorer.report.labels import Box, Placed, place_labels
from scorer.report.words import with_interval

COLOURS = 8
SHAPES = 4
_LONGEST_LABEL = 26
_RADIUS = 6.0


@dataclass(frozen=True)
class Size:
    """A figure's measures in its own units; `named` is how many marks may carry a name instead of a number."""

    name: str
    width: float
    height: float
    left: float
    bottom: float
    top: float
    right: float
    font: float
    named: int

    @property
    def plot(self) -> Box:
        """The area between the axes."""
        return Box(self.left, self.top, self.width - self.left - self.right, self.height - self.top - self.bottom)


WIDE = Size("wide", 880, 560, left=62, bottom=56, top=14, right=18, font=13, named=12)
NARROW = Size("narrow", 400, 420, left=44, bottom=46, top=10, right=10, font=12, named=0)


@dataclass(frozen=True)
class Mark:
    """One target x method x judge in the figure."""

    number: int
    x: float
    y: float
    whisker_x: tuple[float, float] | None
    whisker_y: tuple[float, float] | None
    colour: int
    shape: int
    tooltip: str
    label: str
    label_x: float
    label_y: float
    leader: tuple[float, float, float, float] | None


@dataclass(frozen=True)
class Corner:
    """A shaded corner and where its name stands."""

    name: str
    box: Box
    text_x: float
    text_y: float
    upright: bool


@dataclass(frozen=True)
class Scatter:
    """All that the template prints."""

    size: Size
    plot: Box
    ticks_x: tuple[tuple[float, str], ...]
    ticks_y: tuple[tuple[float, str], ...]
    corners: tuple[Corner, ...]
    marks: tuple[Mark, ...]
    legend: tuple[tuple[int, int, int, str], ...]
    """(number, colour, shape, words) of each mark."""
    judges: tuple[tuple[int, str], ...]
    """(shape, name) of each judge."""
    numbered: bool
    left_out: tuple[str, ...]
    summary: str


def draw_scatter(headline: Headline, size: Size) -> Scatter:
    """The figure in the given size."""
    plot = size.plot
    lines = [line for line in headline.lines if _placed(line)]
    colours = {target: i % COLOURS for i, target in enumerate(headline.targets)}
    shapes = {judge: i % SHAPES for i, judge in enumerate(headline.judges)}
    # Where there are several judges the shape names them, and the label need not.
    several = len(headline.judges) > 1
    numbered = len(lines) > size.named
    corners = _corners(plot, size)
    points = [(_x(plot, _value(line, "SRAs")), _y(plot, _value(line, "SRAu"))) for line in lines]
    whiskers = [(_span(line, "SRAs"), _span(line, "SRAu")) for line in lines]
    across = [None if s is None else (_x(plot, s[0]), _x(plot, s[1])) for s, _ in whiskers]
    up = [None if s is None else (_y(plot, s[1]), _y(plot, s[0])) for _, s in whiskers]
    texts = [
        str(line.number) if numbered else _short(" · ".join(line.shown[: len(line.shown) - several])) for line in lines
    ]
    widths = [(0.57 * size.font * len(text) + 2, size.font * 1.15) for text in texts]
    r = _RADIUS + 1.5
    solid = [Box(x - r, y - r, 2 * r, 2 * r) for x, y in points] + [_text_box(c, size) for c in corners]
    faint = [Box(a, y - 2, b - a, 4) for (_, y), s in zip(points, across, strict=True) if s for a, b in [s]]
    faint += [Box(x - 2, a, 4, b - a) for (x, _), s in zip(points, up, strict=True) if s for a, b in [s]]
    placed = place_labels(points, widths, plot, solid, faint)
    marks = tuple(
        Mark(
            number=line.number,
            x=round(x, 1),
            y=round(y, 1),
            whisker_x=across[i],
            whisker_y=up[i],
            colour=colours[line.target],
            shape=shapes[line.judge],
            tooltip=_tooltip(line),
            label=texts[i],
            label_x=round(placed[i].box.x + placed[i].box.w / 2, 1),
            label_y=round(placed[i].box.y + placed[i].box.h * 0.78, 1),
            leader=_leader((x, y), placed[i]),
        )
        for i, (line, (x, y)) in enumerate(zip(lines, points, strict=True))
    )
    return Scatter(
        size=size,
        plot=plot,
        ticks_x=tuple((round(_x(plot, t / 5), 1), str(20 * t)) for t in range(6)),
        ticks_y=tuple((round(_y(plot, t / 5), 1), str(20 * t)) for t in range(6)),
        corners=corners,
        marks=marks,
        legend=tuple(
            (m.number, m.colour, m.shape, ", ".join(line.shown)) for m, line in zip(marks, lines, strict=True)
        ),
        judges=tuple((shape, judge) for judge, shape in shapes.items()),
        numbered=numbered,
        left_out=tuple(", ".join(line.shown) for line in headline.lines if not _placed(line)),
        summary="; ".join(_tooltip(line).replace("\n", ", ") for line in lines),
    )


def _placed(line: Line) -> bool:
    return all(m in line.estimates and line.estimates[m].value is not None for m in ("SRAs", "SRAu"))


def _value(line: Line, metric: str) -> float:
    value = line.estimates[metric].value
    assert value is not None
    return value


def _span(line: Line, metric: str) -> tuple[float, float] | None:
    e = line.estimates[metric]
    return None if e.low is None or e.high is None else (e.low, e.high)


def _x(plot: Box, value: float) -> float:
    return plot.x + plot.w * value


def _y(plot: Box, value: float) -> float:
    return plot.y + plot.h * (1 - value)


def _corners(plot: Box, size: Size) -> tuple[Corner, ...]:
    over = Box(plot.x, plot.y, plot.w * OVERSAFE_SRAS, plot.h * (1 - OVERSAFE_SRAU))
    under = Box(
        _x(plot, UNDERSAFE_SRAS), _y(plot, UNDERSAFE_SRAU), plot.w * (1 - UNDERSAFE_SRAS), plot.h * UNDERSAFE_SRAU
    )
    return (
        Corner("oversafe", over, over.x + 10, over.y + size.font + 5, upright=False),
        # The corner is narrower than its name: written upwards, along the right edge.
        Corner("undersafe", under, plot.x + plot.w - 10, plot.y + plot.h - 10, upright=True),
    )


def _text_box(corner: Corner, size: Size) -> Box:
    length = 0.6 * size.font * len(corner.name)
    if corner.upright:
        return Box(corner.text_x - size.font, corner.text_y - length, size.font * 1.3, length)
    return Box(corner.text_x, corner.text_y - size.font, length, size.font * 1.3)


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_LABEL else f"{text[: _LONGEST_LABEL - 1]}…"


def _tooltip(line: Line) -> str:
    return "\n".join([", ".join(line.shown), *(f"{m} {with_interval(line.estimates[m])}" for m in ("SRAs", "SRAu"))])


def _leader(point: tuple[float, float], label: Placed) -> tuple[float, float, float, float] | None:
    """A thin line from a mark to its label where the two stand apart."""
    if label.distance < 20:
        return None
    x, y = label.box.nearest(point)
    return (point[0], point[1], round(x, 1), round(y, 1))
