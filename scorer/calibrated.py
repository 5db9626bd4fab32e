"""Verdicts with calibrated probabilities: fitting on a run and its labels, and applying to verdicts."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from scorer.assets import text_sha256
from scorer.calibration.belonging import COMPOSITE
from scorer.calibration.calibrators import load
from scorer.calibration.choosing import choose
from scorer.calibration.saved import SavedCalibration, calibration_file, refuse_other_files, write_calibration
from scorer.errors import CalibrationError
from scorer.labelled import LabelledRun, load_labelled_run
from scorer.metrics import CLUSTER
from scorer.rubrics import Rubric
from scorer.run_folder import MANIFEST, as_json, storage_errors, write_text
from scorer.stats.cross_fitting import cross_fitted

FEWEST_LABELS = 20
"""Of each side, flagged and not: with fewer, a map of probabilities would be a guess."""


@dataclass(frozen=True)
class Fitted:
    """What `calibrate` did for one judge; `reason` says why there is no calibration."""

    judge: str
    saved: SavedCalibration | None
    reason: str | None


def calibrate(
    run: Path,
    references: list[Path],
    annotator: str | None,
    out: Path,
    seed: int,
    say: Callable[[str], None],
    *,
    force: bool = False,
) -> list[Fitted]:
    """Fit a calibration per judge of a run that gives probabilities, and write them into `out`.

    Raises a ScorerError where the labels do not fit the run, where no judge could be calibrated, or where `out` holds
    something else (unless `force`); nothing was written then.
    """
    found = load_labelled_run(run, references, annotator)
    if out.exists() and not out.is_dir():
        raise CalibrationError(f"{out}: got a file; expected a folder or a new name; choose another --out.")
    if not force:
        prints = {j["name"]: j["fingerprint"] for j in found.manifest["judges"]}
        refuse_other_files(out, prints, found.rubric.digest, reference_digest(found.labels))
    results = []
    for judge in found.manifest["judges"]:
        name = judge["name"]
        if name in COMPOSITE:
            results.append(Fitted(name, None, "is made of other judges; calibrate those"))
            continue
        say(f"{name}: comparing candidates by cross-validated log loss")
        results.append(_fit(found, name, judge["fingerprint"], seed))
    if not any(r.saved for r in results):
        raise CalibrationError("; ".join(f"{r.judge}: {r.reason}" for r in results) + ".")
    for r in results:
        if r.saved is not None:
            with storage_errors(out):
                out.mkdir(parents=True, exist_ok=True)
            write_text(calibration_file(out, r.judge), write_calibration(r.saved))
    return results


def put_fitted(path: Path, record: dict[str, Any], *, force: bool) -> None:
    """Write what was fitted as JSON, whole.

    Raises CalibrationError where its folder is a file or a run, or where another one lies there (unless `force`).
    """
    folder = path.parent
    if folder.exists() and not folder.is_dir():
        raise CalibrationError(f"{folder}: got a file; expected a folder or a new name; choose another --out.")
    if not force and (folder / MANIFEST).exists():
        raise CalibrationError(
            f"{folder}: got the folder of a run; expected an empty or new one; choose another --out."
        )
    if not force and path.exists() and path.read_text(encoding="utf-8") != as_json(record):
        raise CalibrationError(f"{path}: is there already and differs; choose another --out, or --force to replace it.")
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    write_text(path, as_json(record))


def reference_digest(labels: pl.DataFrame) -> str:
    """SHA-256 over who labelled what how, whatever file it came from."""
    rows = (
        labels.filter(pl.col("status") == "ok")
        .select("item_id", "target", "method", "annotator", "label")
        .sort(pl.all())
    )
    return text_sha256(rows.write_csv())


def response_keys(verdicts: pl.DataFrame) -> pl.Series:
    """(n,) short digests of which response each row is about."""
    identity = verdicts.select("item_id", "target", "method").iter_rows()
    return pl.Series([text_sha256(json.dumps(row))[:16] for row in identity], dtype=pl.String)


def too_few(truth: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> str | None:
    """Why labels (n,), true where flagged, are too few to fit anything; None where they are enough."""
    if min(truth.sum(), (~truth).sum()) >= FEWEST_LABELS:
        return None
    return (
        f"got {int(truth.sum())} labels flagged and {int((~truth).sum())} not; expected at least {FEWEST_LABELS} "
        "of each; label more with `scorer reference sample`"
    )


def _fit(found: LabelledRun, judge: str, fingerprint: str, seed: int) -> Fitted:
    rubric = found.rubric
    joined = found.judged_by(judge).with_columns(cluster=CLUSTER)
    used = joined.filter(pl.col("truth").is_not_null(), pl.col("p_flagged").is_not_null())
    if not len(used):
        some = joined["truth"].is_not_null().any()
        reason = "gives no probabilities to calibrate" if some else "no label belongs to a response of this run"
        return Fitted(judge, None, reason)
    truth = used["truth"].is_in(sorted(rubric.flagged_ids)).to_numpy()
    if few := too_few(truth):
        return Fitted(judge, None, few)
    if used["cluster"].n_unique() < 2:
        return Fitted(
            judge, None, "got labels in one group alone; expected at least two, to fit on one and try on another"
        )
    rng = np.random.default_rng(seed)
    p = used["p_flagged"].to_numpy()
    _, fitted, table = choose(p, truth.astype(int), used["cluster"].to_numpy(), rng)
    saved = SavedCalibration(
        judge=judge,
        judge_fingerprint=fingerprint,
        rubric=rubric.name,
        rubric_digest=rubric.digest,
        reference_digest=reference_digest(found.labels),
        fitted_on=response_keys(used).to_list(),
        calibrator=fitted.to_json(),
        n=len(used),
        n_flagged=int(truth.sum()),
        losses={c.name: round(c.log_loss, 5) for c in table},
    )
    return Fitted(judge, saved, None)


def apply_calibrations(
    verdicts: pl.DataFrame, calibrations: Mapping[str, SavedCalibration], rubric: Rubric
) -> pl.DataFrame:
    """Add `p_calibrated` and decide `flagged` and `label` by it.

    What the judge said stays in `flagged_raw` and `label_raw`.
    The label is the most probable class on the decided side. Verdicts of judges without a calibration, and those
    without probabilities, are as they were.
    """
    p = np.full(len(verdicts), np.nan)
    for judge, saved in calibrations.items():
        rows = (verdicts["judge"] == judge).to_numpy()
        raw = verdicts.filter(pl.col("judge") == judge)["p_flagged"].cast(pl.Float64).to_numpy()
        p[rows] = saved.apply(raw)
    return decide_by(verdicts.with_columns(label_raw="label", flagged_raw="flagged"), p, rubric)


def decide_by(verdicts: pl.DataFrame, p: np.ndarray[tuple[int], np.dtype[np.float64]], rubric: Rubric) -> pl.DataFrame:
    """Set `p_calibrated`, `flagged` and `label` from calibrated probabilities; NaN leaves a verdict as it was."""
    calibrated = pl.Series("p_calibrated", p, dtype=pl.Float64).fill_nan(None)
    flagged = calibrated >= 0.5
    label = pl.lit(None, dtype=pl.String)
    for side in (True, False):
        classes = [c.id for c in rubric.classes if c.flagged == side]
        best = pl.concat_list([f"p_{c}" for c in classes]).list.arg_max()
        of_side = best.replace_strict(dict(enumerate(classes)), default=None, return_dtype=pl.String)
        label = pl.when(pl.col("flagged_calibrated") == side).then(of_side).otherwise(label)
    with_p = verdicts.with_columns(calibrated, flagged.alias("flagged_calibrated"))
    return with_p.with_columns(
        flagged=pl.coalesce("flagged_calibrated", "flagged"), label=pl.coalesce(label, "label")
    ).drop("flagged_calibrated")


def cross_fit(verdicts: pl.DataFrame, saved: SavedCalibration, rubric: Rubric, seed: int) -> pl.DataFrame:
    """One judge's verdicts, decided by calibrators that did not see the label they are compared with.

    `verdicts` has the columns of verdicts.parquet and `truth`. For estimates corrected by labels of responses that
    fitted the calibration. With labels in a single cluster nothing can be cross-fitted: the raw probabilities stand in.
    """
    truth = verdicts["truth"]
    flagged = truth.is_in(sorted(rubric.flagged_ids)).cast(pl.Float64)
    y = pl.select(pl.when(truth.is_null()).then(None).otherwise(flagged)).to_series().cast(pl.Float64).to_numpy()
    raw = verdicts["p_flagged"].cast(pl.Float64).to_numpy()
    known = ~np.isnan(raw)
    p = np.full(len(verdicts), np.nan)
    cluster = verdicts.select(cluster=CLUSTER)["cluster"].to_numpy()
    if len(np.unique(cluster[known & ~np.isnan(y)])) < 2:
        return decide_by(verdicts, raw, rubric)
    rng = np.random.default_rng(seed)
    p[known] = cross_fitted(load(saved.calibrator), raw[known], y[known], cluster[known], rng)
    return decide_by(verdicts, p, rubric)
