"""Do labels belong to the responses beside which they stand? Tests on one slice of one annotator's labels.

A witness says for every response which labels would fit it: a table (n, classes). Judges are witnesses, and so is what
was expected of the response, because a target refuses unsafe queries more often than safe ones. Labels that were
shuffled fit no witness better than random permutations of them do (`association`). Labels that slipped by some rows,
or that are another target's, may still fit better than that, as items come in blocks of one kind; they fit the judges
better elsewhere (`better_placement`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from scorer.stats.intervals import Floats

Labels = NDArray[np.intp]

FEWEST = 30
"""Labels below which nothing is tested: such a slice has too few."""
FEWEST_OTHER = 5
"""Labels outside the most frequent class below which a permutation changes too little to be seen."""
PERMUTATIONS = 1999
FARTHEST_SHIFT = 5
SURE = 0.02
"""How improbable, over all placements tried, chance must be before another placement is called the better one."""
NEXT_ROW = 0.25
"""The part of it for each of the two shifts by one row, the slip that happens most; the rest is for all others."""

_MOST_ROWS = 4000
"""More rows than this add time to a test of association, but nothing to its outcome."""
_CHUNK = 2_000_000


@dataclass(frozen=True)
class Association:
    """How well labels fit their best witness, beside random permutations of them.

    `z` counts standard deviations from the mean of the permutations; `p_value` is the share of permutations that fit
    their own best witness as well.
    """

    witness: str
    z: float
    p_value: float
    n: int

    @property
    def strength(self) -> float:
        """Comparable between slices of different size: for two classes, the correlation of labels and witness."""
        return self.z / math.sqrt(self.n)


@dataclass(frozen=True)
class Placement:
    """Another place for the labels; `fit` and `here` are the shares of labels that agree with a judge there and here.

    `shift` counts rows by which the labels come too late (negative: too early), `target` names whose labels they seem
    to be; one of them is None.
    """

    shift: int | None
    target: str | None
    judge: str
    fit: float
    here: float
    p_value: float


def can_tell(labels: Labels) -> bool:
    """True where there are enough labels, and enough that differ, to tell order from disorder."""
    return len(labels) >= FEWEST and len(labels) - int(np.bincount(labels).max()) >= FEWEST_OTHER


def allowed_p_value(n: int, *, judges_alone: bool = False, strength_elsewhere: float | None = None) -> float:
    """The largest p-value at which n labels count as aligned.

    Labels of a mediocre judge (kappa 0.25) lie about 0.25 sqrt(n) standard deviations from permuted ones, so that with
    few labels no limit is right for both. Where `expects` is a witness too it clears most aligned labels whatever the
    judge, and permuted labels pass in 5 % with up to 60 labels, 2.6 % with 100, 0.6 % with 200, 0.1 % with 350. With
    `judges_alone` the limit lies half way to the mediocre judge's: 9 % with 100, 3 % with 200, 0.6 % with 400. Where
    other labels of the run make it plain that judges agree with labels far better, there is no reason to be lenient.
    """
    if strength_elsewhere is not None and strength_elsewhere * math.sqrt(n) >= 6:
        return 0.001
    limit = (
        np.clip(0.2 + 0.115 * math.sqrt(n), 1.3, 3.1)
        if judges_alone
        else np.clip(0.6 + 0.135 * math.sqrt(n), 1.65, 3.1)
    )
    return float(stats.norm.sf(limit))


def association(witnesses: Mapping[str, Floats], labels: Labels, rng: np.random.Generator) -> Association | None:
    """Fit of the labels (n,) with the best of the witnesses; None where none of them could tell a permutation."""
    if len(labels) > _MOST_ROWS:
        rows = rng.choice(len(labels), _MOST_ROWS, replace=False)
        witnesses, labels = {name: w[rows] for name, w in witnesses.items()}, labels[rows]
    moments = {name: _moments(w, labels) for name, w in witnesses.items()}
    able = [name for name, (_, deviation) in moments.items() if deviation > 1e-9]
    if not able:
        return None
    places = np.arange(len(labels))

    def distances(order: Labels) -> Floats:
        """(witnesses, m) distances of labels in the orders (m, n)."""
        found = [(witnesses[name][places, order].sum(axis=-1) - moments[name][0]) / moments[name][1] for name in able]
        return np.stack(found)

    own = distances(labels[None])[:, 0]
    z = float(own.max())
    reached = 0
    for size in _chunks(PERMUTATIONS, max(1, _CHUNK // len(labels))):
        order = rng.permuted(np.broadcast_to(labels, (size, len(labels))), axis=1)
        reached += int((distances(order).max(axis=0) >= z - 1e-9).sum())
    return Association(able[int(own.argmax())], z, (1 + reached) / (1 + PERMUTATIONS), len(labels))


def better_placement(
    judges: Mapping[str, Floats], elsewhere: Mapping[str, Mapping[str, Floats]], labels: Labels
) -> Placement | None:
    """The shift, or other target, where the labels fit a judge so much better that it is no chance.

    `judges` are the judges' witnesses (0 or 1) in the order in which the labels stand in their file; `elsewhere` holds,
    per other target, the same of its responses to the same items (NaN where there is none). Of the labels that agree
    in just one of the two places, half should agree in each: an exact one-sided binomial test (McNemar), adjusted for
    all that is tried by weighted Bonferroni.
    """
    tried = list(_placements(judges, elsewhere, labels))
    judging = len({judge for _, _, judge, _, _ in tried})
    others = sum(shift not in (1, -1) for shift, *_ in tried)
    best: Placement | None = None
    for shift, target, judge, there, here in tried:
        gained, lost = int((there > here).sum()), int((there < here).sum())
        if gained <= lost:
            continue
        weight = NEXT_ROW / judging if shift in (1, -1) else (1 - 2 * NEXT_ROW) / others
        p_value = min(1.0, float(stats.binom.sf(gained - 1, gained + lost, 0.5)) / weight)
        if p_value < SURE and (best is None or p_value < best.p_value):
            best = Placement(shift, target, judge, float(there.mean()), float(here.mean()), p_value)
    return best


def _placements(
    judges: Mapping[str, Floats], elsewhere: Mapping[str, Mapping[str, Floats]], labels: Labels
) -> Iterator[tuple[int | None, str | None, str, Floats, Floats]]:
    """(shift, target, judge, fit there, fit here) of all that can be tried."""
    places = np.arange(len(labels))
    for judge, witness in judges.items():
        if not _varies(witness):
            continue  # a judge that says the same everywhere is no worse off here than there
        here = witness[places, labels]
        for shift in (s for k in range(1, FARTHEST_SHIFT + 1) for s in (k, -k)):
            yield shift, None, judge, witness[places, np.roll(labels, -shift)], here
        for target, others in elsewhere.items():
            there = others[judge][places, labels]
            both = ~np.isnan(there)
            if both.sum() >= FEWEST:
                yield None, target, judge, there[both], here[both]


def _varies(witness: Floats) -> bool:
    given = witness.argmax(axis=1)
    return len(given) - int(np.bincount(given).max()) >= FEWEST_OTHER


def _moments(witness: Floats, labels: Labels) -> tuple[float, float]:
    """Mean and standard deviation of the fit over all permutations.

    Source: Hoeffding (1951), Annals of Mathematical Statistics 22, 558-566, theorem 2.
    """
    n = len(labels)
    counts = np.bincount(labels, minlength=witness.shape[1]).astype(float)
    per_class = witness.mean(axis=0)
    mean = float(per_class @ counts)
    centred = witness - per_class - ((witness @ counts)[:, None] - mean) / n
    return mean, math.sqrt(float((centred**2 @ counts).sum()) / (n - 1))


def _chunks(total: int, size: int) -> Iterator[int]:
    for start in range(0, total, size):
        yield min(size, total - start)
