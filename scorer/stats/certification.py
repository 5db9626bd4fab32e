"""The widest region in which a judge may decide alone, certified by labels: arrays in, arrays out.

Selective classification with a guaranteed risk (Geifman & El-Yaniv, 2017, NeurIPS 30) for nested regions {confidence
>= t}, from the narrowest to the widest. Each is tested by the exact binomial tail (Clopper & Pearson, 1934, Biometrika
26, 404-413) against "agreement is below the target", every one at the whole level, until the first that fails: a fixed
sequence of tests keeps the chance of one false pass at that level, however many there are (Maurer, Hothorn & Lehmacher,
1995, in Vollmar (ed.), Biometrie in der chemisch-pharmazeutischen Industrie 6, 3-18). Used for risk control by
Angelopoulos, Bates, Candes, Jordan & Lei (2021), "Learn then test", and for judges that are language models by Jung,
Brahman & Choi (2025), "Trust or escalate", ICLR, both with this test and this order.

The order is fixed before a label's value is looked at: thresholds are quantiles of the confidence over all verdicts,
and the first region tested depends on where the labels lie, not on what they say. It holds at least as many labels as
pass when all agree. A start so narrow would fail at the first disagreement, and with it all that follows: so it holds
ROOM times as many where that is less than half of all labels, else half of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc, betaincinv

from scorer.stats.intervals import Floats

STEPS = 20
"""Candidate regions: the most confident 1/STEPS of the verdicts, 2/STEPS, ... up to all of them."""
ROOM = 3
"""At a target of 95 or 97 % this leaves room for 3 disagreements in the first region."""


@dataclass(frozen=True)
class Tested:
    """One region's test: of `n` labels in it, `agreements` say what the judge says.

    `share` is the part (0-1) of all verdicts that lies in the region, `low` the one-sided Clopper-Pearson bound of this
    region by itself.
    """

    threshold: float
    share: float
    n: int
    agreements: int
    p_value: float
    low: float
    passed: bool


@dataclass(frozen=True)
class Certification:
    """The tests in their order; `region` is the last that passed, None where nothing is certified.

    `fewest` is how many labels a region needs so that it could pass if all of them agreed.
    """

    region: Tested | None
    tested: tuple[Tested, ...]
    fewest: int


def fewest_labels(target: float, level: float) -> int:
    """Labels with which perfect agreement is just enough: the least n with target^n <= 1 - level."""
    n = math.ceil(math.log(1 - level) / math.log(target))
    # the quotient of two logarithms may miss a whole number by a hair, to either side
    return next(m for m in range(max(1, n - 1), n + 2) if target**m <= 1 - level)


def tail_p_value(agreements: int, n: int, target: float) -> float:
    """Chance of at least `agreements` in `n` independent labels if each agreed with chance `target`: exact."""
    return 1.0 if agreements <= 0 else float(betainc(agreements, n - agreements + 1, target))


def lower_bound(agreements: int, n: int, level: float) -> float:
    """One-sided Clopper-Pearson lower bound of a rate: `tail_p_value` at it is 1 - level. 0 without an agreement."""
    return 0.0 if agreements <= 0 else float(betaincinv(agreements, n - agreements + 1, 1 - level))


def thresholds(confidence: ArrayLike, steps: int = STEPS) -> Floats:
    """Candidate thresholds, the highest first: quantiles that are themselves values of `confidence` (n,), each once."""
    quantiles = np.quantile(np.asarray(confidence, dtype=float), 1 - np.arange(1, steps + 1) / steps, method="lower")
    distinct: Floats = np.unique(quantiles)[::-1]
    return distinct


def certify(
    confidence: ArrayLike, labelled: ArrayLike, agrees: ArrayLike, *, target: float, level: float
) -> Certification:
    """The widest region whose agreement is at least `target`, with chance `level` that this holds.

    `confidence` (n,) is that of all verdicts, `labelled` (m,) that of those with a label and `agrees` (m,) whether the
    label says the same. Labels must be independent and drawn with equal chances: see `independent`. Raises ValueError
    where there is no verdict, or target or level is not between 0 and 1.
    """
    everything, inside = np.asarray(confidence, dtype=float), np.asarray(labelled, dtype=float)
    right = np.asarray(agrees, dtype=bool)
    if not len(everything) or inside.shape != right.shape or not (0 < target < 1 and 0 < level < 1):
        raise ValueError("certifying needs verdicts, as many agreements as labels, and target and level in (0, 1)")
    fewest = fewest_labels(target, level)
    start = max(fewest, min(ROOM * fewest, len(right) // 2))
    tested: list[Tested] = []
    for threshold in thresholds(everything):
        rows = inside >= threshold
        if rows.sum() < start:
            continue
        n, agreements = int(rows.sum()), int(right[rows].sum())
        p = tail_p_value(agreements, n, target)
        share, low = float((everything >= threshold).mean()), lower_bound(agreements, n, level)
        tested.append(Tested(float(threshold), share, n, agreements, p, low, p <= 1 - level))
        if not tested[-1].passed:
            break
    passed = [t for t in tested if t.passed]
    return Certification(passed[-1] if passed else None, tuple(tested), fewest)


@dataclass(frozen=True)
class Independent:
    """Rows of labels that may be taken as independent and drawn with equal chances, and how many thinning left."""

    rows: NDArray[np.intp]
    thinned: int


def independent(cluster: ArrayLike, probability: ArrayLike | None, rng: np.random.Generator) -> Independent:
    """Which of the labels may be used; what is dropped does not depend on what the labels say.

    Labels drawn with unequal chances `probability` (m,) are thinned, each kept with chance min(probability) /
    probability, so that all had the same chance (rejection sampling: von Neumann, 1951, NBS Applied Mathematics Series
    12, 36-38). Then one label is drawn from each `cluster` (m,), because labels that belong together are not
    independent evidence: clusters of different size count alike from then on.
    """
    ids = np.asarray(cluster)
    rows = np.arange(len(ids))
    if probability is not None and len(ids):
        drawn = np.asarray(probability, dtype=float)
        if not np.all((drawn > 0) & (drawn <= 1)):
            raise ValueError("the sampling probability of every label must be above 0 and at most 1")
        # rounding must not throw away a label that was drawn with the smallest chance
        rows = rows[rng.random(len(ids)) * drawn <= drawn.min() * (1 + 1e-9)]
    order = rng.permutation(rows)
    _, first = np.unique(ids[order], return_index=True)
    return Independent(np.sort(order[first]), len(rows))


def labels_needed(rate: float, target: float, level: float, most: int = 100_000) -> int | None:
    """Labels in a region that would pass were `rate` of them in agreement; None where no number up to `most` would."""
    n = np.arange(1, most + 1)
    agreements = np.floor(rate * n + 1e-9)
    p = np.where(agreements > 0, betainc(np.maximum(agreements, 1), n - agreements + 1, target), 1.0)
    passing = np.flatnonzero(p <= 1 - level)
    return int(n[passing[0]]) if rate > target and len(passing) else None
