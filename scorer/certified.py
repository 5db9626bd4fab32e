"""A run and its labels -> the certificate that lets the embedding judge decide alone in a cascade."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import polars as pl

from scorer.calibrated import put_fitted, reference_digest, response_keys
from scorer.calibration.certificate import FILE, Certificate
from scorer.errors import CalibrationError
from scorer.labelled import LabelledRun, load_labelled_run
from scorer.metrics import CLUSTER
from scorer.stats.certification import Certification, certify, independent, labels_needed

FAST = "embedding"
"""The judge that a cascade asks first."""


@dataclass(frozen=True)
class Wanted:
    """Agreement on `flagged` of at least `target`, with chance `confidence` that this holds."""

    target: float
    confidence: float

    def __post_init__(self) -> None:
        """Raises CalibrationError where a number is no chance that could be certified."""
        for name, value in (("target agreement", self.target), ("confidence", self.confidence)):
            if not 0 < value < 1:
                raise CalibrationError(f"got the {name} {value}; expected a rate between 0 and 1, such as 0.97.")


def certify_cascade(
    run: Path,
    references: list[Path],
    annotator: str | None,
    out: Path,
    wanted: Wanted,
    seed: int,
    say: Callable[[str], None],
    *,
    force: bool = False,
) -> Certificate:
    """Certify where the embedding judge of a run may decide alone, and write the certificate into `out`.

    One that certifies nothing is written too: a cascade with it escalates everything. Raises a ScorerError where run
    and labels do not fit together, or where `out` holds another certificate (unless `force`).
    """
    found = load_labelled_run(run, references, annotator)
    fingerprint = found.fingerprint(FAST)
    if fingerprint is None:
        names = ", ".join(j["name"] for j in found.manifest["judges"])
        raise CalibrationError(
            f"{run}: was judged by {names}; expected {FAST}, which decides first in a cascade; score it with --judge "
            f"{FAST} too."
        )
    say(f"{FAST}: testing regions from the most confident verdicts to all of them")
    certificate = _certify(found, fingerprint, wanted, seed)
    put_fitted(out / FILE, asdict(certificate), force=force)
    return certificate


def _certify(found: LabelledRun, fingerprint: str, wanted: Wanted, seed: int) -> Certificate:
    p = pl.col("p_flagged")
    scored = (
        found.judged_by(FAST)
        .filter(pl.col("status") == "ok", p.is_not_null())
        .with_columns(cluster=CLUSTER, confidence=pl.max_horizontal(p, 1 - p))
    )
    labelled = scored.filter(pl.col("truth").is_not_null())
    if labelled.is_empty():
        raise CalibrationError("no label belongs to a response of this run; label some with `scorer reference sample`.")
    chances = labelled["probability"]
    known = chances.null_count() == 0
    kept = independent(labelled["cluster"], chances if known else None, np.random.default_rng(seed))
    used = labelled[kept.rows]
    # the judge as it is: a calibration may have changed the run's column `flagged`
    agrees = (used["p_flagged"] >= 0.5) == used["truth"].is_in(sorted(found.rubric.flagged_ids))
    tests = certify(scored["confidence"], used["confidence"], agrees, target=wanted.target, level=wanted.confidence)
    return Certificate(
        judge=FAST,
        judge_fingerprint=fingerprint,
        rubric=found.rubric.name,
        rubric_digest=found.rubric.digest,
        reference_digest=reference_digest(found.labels),
        fitted_on=tuple(response_keys(used)),
        target=wanted.target,
        confidence=wanted.confidence,
        threshold=tests.region.threshold if tests.region else None,
        share=tests.region.share if tests.region else 0.0,
        tested=tuple(asdict(t) for t in tests.tested),
        n_verdicts=len(scored),
        n_labels=len(labelled),
        n_thinned=kept.thinned,
        n_used=len(used),
        fewest=tests.fewest,
        seed=seed,
        reason=_reason(tests, len(used), wanted),
        notes=tuple(_notes(found, scored, chances)),
    )


def _reason(tests: Certification, n_used: int, wanted: Wanted) -> str | None:
    """Why nothing is certified, and how many labels it would take."""
    if tests.region is not None:
        return None
    aim = f"{100 * wanted.target:g} % agreement at {100 * wanted.confidence:g} % confidence"
    if not tests.tested:
        return (
            f"{n_used} independent labels are too few: {aim} takes at least {tests.fewest} in one region, all of them "
            "in agreement"
        )
    first = tests.tested[0]
    said = f"{first.agreements} of {first.n} labels agree in the narrowest region that holds enough of them: "
    needed = labels_needed(first.agreements / first.n, wanted.target, wanted.confidence)
    if needed is None:
        return f"{said}no number of labels shows {aim} at such a rate"
    return f"{said}{aim} takes {needed} labels there at such a rate"


def _notes(found: LabelledRun, scored: pl.DataFrame, chances: pl.Series) -> Iterator[str]:
    """What qualifies the certificate."""
    yield from (note for note in found.manifest.get("taught_with", ()) if f"The judge {FAST} was taught" in note)
    if 0 < chances.null_count() < len(chances):
        yield (
            "Some labels do not say with which chance they were drawn: all count as drawn alike, and what is certified "
            "holds only if they were."
        )
    sizes = scored.group_by("cluster").len()["len"].to_list()
    if min(sizes) < max(sizes):
        yield (
            f"Groups hold {min(sizes)} to {max(sizes)} responses. With one label per group each group counts alike in "
            "what is certified, whatever its size."
        )
