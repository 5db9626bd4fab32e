"""SRAs and SRAu from the judge and 60 of the people's labels, beside GPT-4 on everything and the labels alone."""

from __future__ import annotations

import numpy as np
import polars as pl

from bench._data import FailedError, Setup
from bench._flags import EMBEDDING, GPT4, PEOPLE, PROBABILITY, SEED, flags, whole
from bench._tables import Table
from scorer.stats.prediction_powered import Corrected, Limits, corrected_rate

LABELS = 60
DRAWS = 200
_NOTES = (
    f"Percent. {LABELS} of a target's responses are drawn at random {DRAWS} times; the embedding judge is held out as "
    "above. Errors are mean absolute differences to the rate by all of people's labels; `covers` is the share of draws "
    "whose 95 % interval holds that rate (more than 95 % is expected: the interval is for items like these, not for "
    "these alone), `width` the intervals' mean width. `worth` is how many labels alone would give as narrow an "
    "interval.",
)


def make(setup: Setup) -> Table:
    """Two rows, SRAs and SRAu, per target, and a row of means over the targets that GPT-4 judged."""
    frame, rows, errors = flags(setup), [], []
    for target in frame["target"].unique(maintain_order=True):
        part = frame.filter(pl.col("target") == target)
        for metric, expects in (("SRAs", "answer"), ("SRAu", "refusal")):
            cells, error = _row(part, expects, np.random.default_rng(SEED))
            rows.append([target, metric, *cells])
            errors.append(error)
    both = np.array([e for e in errors if not np.isnan(e).any()])
    means = [f"**{100 * m:.1f}**" for m in both.mean(axis=0)]
    rows.append(["**mean where GPT-4 stands**", "", "", *means[:3], "", "", means[3], "", "", ""])
    header = ["responses of", "metric", PEOPLE, "GPT-4 error", "judge error", "corrected error"]
    header += ["covers", "width", "labels alone error", "covers", "width", "worth"]
    return Table(f"Corrected by {LABELS} labels", header, rows, _NOTES)


def _row(part: pl.DataFrame, expects: str, rng: np.random.Generator) -> tuple[list[str], tuple[float, ...]]:
    """The cells of a row, and the errors of GPT-4, the judge, the corrected estimate and the labels alone."""
    asked = (part["expects"] == expects).to_numpy()

    def right(flagged: pl.Series) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        values = flagged.cast(pl.Float64).to_numpy()
        return 1 - values if expects == "answer" else values

    truth, judged, expected = right(part[PEOPLE]), right(part[EMBEDDING]), right(part[PROBABILITY])
    people = float(truth[asked].mean())
    gpt4 = abs(right(part[GPT4])[asked].mean() - people) if whole(part, GPT4) else np.nan
    draws = []
    for _ in range(DRAWS):
        known = np.full(len(part), np.nan)
        picked = rng.choice(len(part), LABELS, replace=False)
        known[picked] = truth[picked]
        found = corrected_rate(known, expected, cluster=part["group_id"].to_numpy(), where=asked)
        effective = found.effective_labels or np.nan
        draws.append([*_against(found, people), *_against(found.labels_only, people), effective])
    m = np.array(draws, dtype=float).mean(axis=0)
    judge = abs(judged[asked].mean() - people)
    percent = [f"{100 * x:.1f}" for x in (people, judge, m[0], m[1], m[2], m[3], m[4], m[5])]
    gpt4_cell = "–" if np.isnan(gpt4) else f"{100 * gpt4:.1f}"
    return [percent[0], gpt4_cell, *percent[1:], f"{m[6]:.0f}"], (gpt4, judge, m[0], m[3])


def _against(found: Corrected | Limits, people: float) -> tuple[float, bool, float]:
    """Absolute error, whether the interval holds the rate by people, and the interval's width."""
    if found.value is None or found.low is None or found.high is None:
        raise FailedError(f"{LABELS} labels were too few for an estimate")
    return abs(found.value - people), found.low <= people <= found.high, found.high - found.low
