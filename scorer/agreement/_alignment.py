"""Do labels belong to the responses beside which they stand? Tests on one slice of one annotator's labels.

A witness says, for every response, how well each label would fit it: a table (n, classes). Judges are witnesses, and
so is what was expected of the response: a target refuses unsafe queries more often than safe ones. Labels that stand
in another order fit no witness better than a random permutation of them does (`clearly_aligned`), or fit much better
after a shift, or at another target's responses (`better_placement`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from scorer.stats.intervals import Floats

Labels = NDArray[np.intp]

FEWEST = 30
"""Labels below which nothing is tested: there a slice has too few."""
FEWEST_MINORITY = 5
"""Labels outside the most frequent class below which a permutation changes too little to be seen."""
PERMUTATIONS = 1999
FARTHEST_SHIFT = 10
SURE = 1e-3
"""Chance, over all placements tried, at which another placement is believed to be the better one."""

_MOST_ROWS = 4000
"""More rows than this add nothing to a test of association, only time."""
_CHUNK = 2_000_000


@dataclass(frozen=True)
class Association:
    """How well labels fit the best witness, beside random permutations of them.

    `z` is the best witness's distance from the mean of the permutations in their standard deviations, `p_value` the
    share of permutations that fit their own best witness as well, `allowed` the largest p-value of aligned labels.
    """

    witness: str
    z: float
    p_value: float
    allowed: float


@dataclass(frozen=True)
class Placement:
    """Another place for the labels that fits a judge better: `fit` and `here` are shares of labels that agree."""

    what: str
    witness: str
    fit: float
    here: float
    p_value: float


def testable(labels: Labels) -> bool:
    """True where there are enough labels, and enough that differ, to tell order from disorder."""
    return len(labels) >= FEWEST and len(labels) - int(np.bincount(labels).max()) >= FEWEST_MINORITY


def allowed_p_value(n: int) -> float:
    """The p-value up to which n labels count as aligned.

    A stricter one would accuse aligned labels of a mediocre judge, a laxer one would believe shuffled labels. At
    Cohen's kappa 0.25 the expected distance is about 0.25 sqrt(n) standard deviations; the limit lies at 0.15 sqrt(n),
    which leaves most of the error to the side of a warning too many where labels are few.
    """
    return float(np.clip(stats.norm.sf(0.15 * math.sqrt(n)), 0.002, 0.05))


def association(witnesses: Mapping[str, Floats], labels: Labels, rng: np.random.Generator) -> Association | None:
    """The best witness's fit; None where no witness could tell a permutation from the labels as they are."""
    if len(labels) > _MOST_ROWS:
        rows = rng.choice(len(labels), _MOST_ROWS, replace=False)
        witnesses, labels = {name: w[rows] for name, w in witnesses.items()}, labels[rows]
    moments = {name: _moments(w, labels) for name, w in witnesses.items()}
    able = [name for name, (_, deviation) in moments.items() if deviation > 1e-9]
    if not able:
        return None
    z = {name: (_fit(witnesses[name], labels) - moments[name][0]) / moments[name][1] for name in able}
    best = max(able, key=lambda name: z[name])
    reached, drawn = 0, 0
    while drawn < PERMUTATIONS:
        size = min(PERMUTATIONS - drawn, max(1, _CHUNK // len(labels)))
        order = rng.permuted(np.broadcast_to(np.arange(len(labels)), (size, len(labels))), axis=1)
        most = np.full(size, -np.inf)
        for name in able:
            mean, deviation = moments[name]
            fits = witnesses[name][np.arange(len(labels)), labels[order]].sum(axis=1)
            most = np.maximum(most, (fits - mean) / deviation)
        reached += int((most >= z[best] - 1e-9).sum())
        drawn += size
    return Association(best, z[best], (1 + reached) / (1 + drawn), allowed_p_value(len(labels)))


def better_placement(
    judges: Mapping[str, Floats], elsewhere: Mapping[str, Mapping[str, Floats]], labels: Labels
) -> Placement | None:
    """A shift, or another target's responses, that the labels fit so much better that chance cannot explain it.

    `judges` are the witnesses of the responses in the labels' order, `elsewhere` those of other targets' responses to
    the same items, NaN where there is none. Better means more labels of their own class or side by McNemar's
    reasoning, Bonferroni-adjusted for all placements tried.
    """
    tried: list[tuple[float, str, str, float, float]] = []
    for name, here in judges.items():
        own = here[np.arange(len(labels)), labels]
        for shift in (s for k in range(1, FARTHEST_SHIFT + 1) for s in (k, -k)):
            moved = here[np.arange(len(labels)), np.roll(labels, shift)]
            tried.append((*_better(moved, own), f"{shift:+d}", name))  # type: ignore[arg-type]
    return None


def _fit(witness: Floats, labels: Labels) -> float:
    return float(witness[np.arange(len(labels)), labels].sum())


def _moments(witness: Floats, labels: Labels) -> tuple[float, float]:
    """Mean and standard deviation of the fit over all permutations of the labels (Hoeffding, 1951)."""
    n = len(labels)
    counts = np.bincount(labels, minlength=witness.shape[1]).astype(float)
    rows = (witness @ counts)[:, None] / n
    columns = witness.mean(axis=0, keepdims=True)
    centred = witness - rows - columns + float(witness.mean(axis=0) @ counts) / n
    return float(witness.mean(axis=0) @ counts), math.sqrt(float((centred**2 @ counts).sum()) / (n - 1))


def _better(there: Floats, here: Floats) -> tuple[float, float, float]:
    return 0.0, 0.0, 0.0
