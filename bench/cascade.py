"""How much the embedding judge may decide alone, and how far it then agrees with people."""

from __future__ import annotations

import numpy as np
import polars as pl

from bench._data import Setup
from bench._flags import EMBEDDING, PEOPLE, PROBABILITY, SEED, flags
from bench._tables import Table
from scorer.stats.certification import certify, fewest_labels, independent

TARGETS = (0.95, 0.97, 0.99)
LABELS = (200, 400)
DRAWS = 50
LEVEL = 0.95
_HEADER = (
    *("target", "labels", "of them used", "fewest it takes", "certified", "decided alone", "agreement alone"),
    *("lowest", "below target"),
)


def make(setup: Setup) -> Table:
    """A row per target, number of labels, and way to use them; and what holds for the judge as a whole."""
    frame = flags(setup)
    agrees = (frame[EMBEDDING] == frame[PEOPLE]).to_numpy()
    rows = [
        _row(frame, agrees, target, labels, grouped)
        for target in TARGETS
        for labels in LABELS
        for grouped in (True, False)
    ]
    groups = frame["group_id"].n_unique()
    notes = (
        f"Percent, but for counts of labels. People's labels are drawn at random {DRAWS} times from {len(frame):,} "
        "responses; the embedding judge is held out as above and agrees with people on "
        f"{100 * agrees.mean():.1f} % of all. `certified`: draws that certify a region at {100 * LEVEL:g} % "
        "confidence; `decided alone`: mean share of responses in it, 0 where nothing is certified; `agreement alone`: "
        "mean true agreement in the certified regions, `lowest` the lowest of them; `below target`: draws that "
        "certified a region whose true agreement is lower (at most 5 % may).",
        f"The prompts form {groups} groups of twins, and labels of one group are not independent: `scorer "
        f"calibrate --cascade` uses one of each, so never more than {groups} here, however many there are. The rows "
        "`all (not offered)` show what the same labels would certify if all of them counted as independent.",
    )
    return Table("Cascade: what the embedding judge may decide alone", _HEADER, rows, notes)


def _row(
    frame: pl.DataFrame, agrees: np.ndarray[tuple[int], np.dtype[np.bool_]], target: float, labels: int, grouped: bool
) -> list[str]:
    p = frame[PROBABILITY].to_numpy()
    confidence, cluster = np.maximum(p, 1 - p), frame["group_id"].to_numpy()
    rng = np.random.default_rng(SEED)
    used, shares, true = [], [], []
    for _ in range(DRAWS):
        rows = rng.choice(len(frame), labels, replace=False)
        rows = rows[independent(cluster[rows], None, rng).rows] if grouped else rows
        found = certify(confidence, confidence[rows], agrees[rows], target=target, level=LEVEL)
        used.append(len(rows))
        shares.append(found.region.share if found.region else 0.0)
        if found.region:
            true.append(agrees[confidence >= found.region.threshold].mean())
    cells = [_percent(np.mean(true)), _percent(np.min(true))] if true else ["–", "–"]
    return [
        f"{100 * target:g}",
        str(labels),
        f"{np.mean(used):.0f}, one per group" if grouped else "all (not offered)",
        str(fewest_labels(target, LEVEL)),
        _percent(len(true) / DRAWS),
        _percent(np.mean(shares)),
        *cells,
        _percent(sum(t < target for t in true) / DRAWS),
    ]


def _percent(rate: float | np.floating) -> str:
    return f"{100 * rate:.1f}"
