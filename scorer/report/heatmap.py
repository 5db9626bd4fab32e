"""Category by channel: the estimates of these slices and their margins, as data for the page."""

from __future__ import annotations

from typing import Any

from scorer.records import Estimate
from scorer.report.run_files import Run

METRICS = ("SRAs", "SRAu", "SRAa")


def heatmap_data(run: Run) -> dict[str, Any] | None:
    """What heatmap.js draws; None where no estimate is cut by category or channel.

    `cells` maps "judge/view/metric/category/channel" (positions in the lists) to
    [value, low, high, n, unscored]; position -1 is the margin, all categories or all channels.
    """
    cut = [e for e in run.scores if e.scenario is None and (e.category is not None or e.channel is not None)]
    judges = run.judges
    categories = [c for c in run.distinct("category") if any(e.category == c for e in cut)]
    channels = [c for c in run.distinct("channel") if any(e.channel == c for e in cut)]
    if not categories and not channels:
        return None
    pairs = list(run.target_methods())
    views: list[tuple[str | None, str | None]] = [(None, None), *pairs] if len(pairs) > 1 else list(pairs)
    several_methods = len({method for _, method in pairs}) > 1
    cells: dict[str, list[float | int | None]] = {}
    for j, judge in enumerate(judges):
        for v, (target, method) in enumerate(views):
            for m, metric in enumerate(METRICS):
                for r in range(-1, len(categories)):
                    for c in range(-1, len(channels)):
                        category = categories[r] if r >= 0 else None
                        channel = channels[c] if c >= 0 else None
                        e = run.estimate(
                            judge, metric, target=target, method=method, category=category, channel=channel
                        )
                        if e is not None and e.n + e.n_unscored:  # else there are no such queries at all
                            cells[f"{j}/{v}/{m}/{r}/{c}"] = _cell(e)
    return {
        "judges": judges,
        "views": [
            {
                "title": "all targets" if t is None else f"{t}, {m}" if several_methods else t,
                "target": t,
                "method": m,
            }
            for t, m in views
        ],
        "metrics": list(METRICS),
        "categories": categories,
        "channels": channels,
        "cells": cells,
    }


def _cell(e: Estimate) -> list[float | int | None]:
    return [*(None if x is None else round(x, 5) for x in (e.value, e.low, e.high)), e.n, e.n_unscored]
