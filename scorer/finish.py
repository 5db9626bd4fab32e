"""From verdicts to what people read: estimates, corrected where there are labels, tables, manifest and report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import polars as pl

from scorer.assets import file_sha256
from scorer.cascaded import NAME as CASCADE
from scorer.cascaded import cascade_record
from scorer.errors import InputError, RunError
from scorer.labelled import attach, choose_annotator, refuse_other_rubric
from scorer.metrics import estimate
from scorer.records import Estimate
from scorer.references import load_references
from scorer.report import write_report
from scorer.rubrics import Rubric, rubric_from_record
from scorer.run_folder import (
    MANIFEST,
    SCORES_CSV,
    SCORES_JSON,
    VERDICTS,
    RunFolder,
    load_run,
    write_json,
    write_whole,
)

ESTIMATORS = ("plugin", "rogan-gladen", "ppi")
"""What may lead; what corrects needs scikit-learn and is imported only where there are labels."""

_POLARS_TYPES: dict[Any, Any] = {
    "str": pl.String,
    "str | None": pl.String,
    "int": pl.Int64,
    "float": pl.Float64,
    "float | None": pl.Float64,
}


@dataclass(frozen=True)
class Correction:
    """Labels that correct the estimates, and which estimator leads (None: ppi with labels, else plugin)."""

    references: tuple[Path, ...] = ()
    annotator: str | None = None
    estimator: str | None = None

    @property
    def leading(self) -> str:
        """The estimator of the headline."""
        return self.estimator or ("ppi" if self.references else "plugin")


@dataclass(frozen=True)
class ScoredRun:
    """A finished run."""

    folder: Path
    manifest: dict[str, Any]
    estimates: list[Estimate]


def check_correction(correction: Correction) -> None:
    """Raise RunError where the estimator is unknown or lacks the labels that it needs."""
    if correction.leading not in ESTIMATORS:
        raise RunError(f"got --estimator {correction.leading!r}; expected one of {', '.join(ESTIMATORS)}.")
    if correction.leading != "plugin" and not correction.references:
        raise RunError(f"the estimator {correction.leading} needs labels; give them with --reference FILE.")


def read_labels(correction: Correction, rubric: Rubric) -> pl.DataFrame | None:
    """The labels that correct, checked against the rubric; None without any."""
    if not correction.references:
        return None
    labels = choose_annotator(load_references(correction.references), correction.annotator)
    refuse_other_rubric(labels, rubric.name, rubric.class_ids)
    return labels


def check_labels(judges: Sequence[Mapping[str, Any]], labels: pl.DataFrame | None) -> None:
    """Raise CalibrationError where a judge of the manifest's records cannot be corrected by these labels."""
    if labels is not None and any("stack" in j.get("made_of", {}) for j in judges):
        from scorer.stacked import refuse_unfitted_correction

        refuse_unfitted_correction(judges, labels)


def finish(
    folder: RunFolder, manifest: dict[str, Any], rubric: Rubric, correction: Correction, labels: pl.DataFrame | None
) -> ScoredRun:
    """Compute the estimates from the folder's verdicts and write scores, manifest and report.

    Raises InputError where none of the labels belongs to a response of the run; files written before are intact.
    """
    seed = int(manifest["seed"])
    estimates = estimate(pl.scan_parquet(folder / VERDICTS), rubric, seed)
    n_labels = 0
    verdicts = None
    if labels is not None:
        verdicts = _with_labels(pl.read_parquet(folder / VERDICTS), labels, manifest, rubric, seed)
        n_labels = int(verdicts.filter(pl.col("judge") == verdicts["judge"][0])["truth"].is_not_null().sum())
        if not n_labels:
            raise InputError(
                ", ".join(map(str, correction.references)),
                "no label of a response in this run",
                "the same item_id (and target, method) as in the run",
                "import the labels for this run's responses",
            )
        from scorer.corrected import correct

        estimates += correct(verdicts, estimates, rubric, seed)
    manifest = manifest | {
        "estimator": correction.leading,
        "references": [{"path": str(p), "sha256": file_sha256(p)} for p in correction.references],
        "annotator": None if labels is None else labels["annotator"][0],
        "n_labels": n_labels,
        "cascade": _cascade(folder, manifest, rubric, labels, verdicts),
    }
    _write_scores(folder, estimates)
    write_json(folder / MANIFEST, manifest)
    write_report(folder.path)
    return ScoredRun(folder.path, manifest, estimates)


def refinish(run: Path, correction: Correction, say: Callable[[str], None]) -> ScoredRun:
    """Finish a complete run again, with other labels or another estimator; its verdicts stay as they are."""
    check_correction(correction)
    manifest = load_run(run)
    rubric = rubric_from_record(manifest["rubric"])
    labels = read_labels(correction, rubric)
    check_labels(manifest["judges"], labels)
    folder = RunFolder(run)
    with folder.claimed():
        say("computing scores and intervals")
        return finish(folder, manifest, rubric, correction, labels)


def _with_labels(
    verdicts: pl.DataFrame, labels: pl.DataFrame, manifest: dict[str, Any], rubric: Rubric, seed: int
) -> pl.DataFrame:
    """Verdicts with `truth`, `probability` and `p_decided`; cross-fitted where these labels fitted the calibration."""
    from scorer.calibrated import cross_fit, reference_digest
    from scorer.calibration.saved import SavedCalibration

    joined = pl.concat([verdicts, attach(verdicts, labels)], how="horizontal")
    digest = reference_digest(labels)
    made_of = {j["name"]: j["made_of"] for j in manifest["judges"] if "made_of" in j}
    parts = []
    for judge in verdicts["judge"].unique(maintain_order=True):
        mine = joined.filter(pl.col("judge") == judge)
        record = manifest.get("calibrations", {}).get(judge)
        if record is not None and record["reference_digest"] == digest:
            mine = cross_fit(mine, SavedCalibration(**record), rubric, seed)
        elif made_of.get(judge, {}).get("stack", {}).get("reference_digest") == digest:
            from scorer.stacked import cross_fit_stack

            mine = cross_fit_stack(joined, rubric, seed)
        parts.append(mine)
    together = pl.concat(parts, how="diagonal")
    decided = "p_calibrated" if "p_calibrated" in together.columns else "p_flagged"
    return together.with_columns(p_decided=pl.coalesce(decided, "p_flagged"))


def _cascade(
    folder: RunFolder,
    manifest: dict[str, Any],
    rubric: Rubric,
    labels: pl.DataFrame | None,
    labelled: pl.DataFrame | None,
) -> dict[str, Any] | None:
    """What the cascade did, None in a run without one; `labelled` are the verdicts with their labels."""
    made_of = next((j["made_of"] for j in manifest["judges"] if j["name"] == CASCADE), None)
    if made_of is None:
        return None
    mine = pl.col("judge") == CASCADE
    digest = None
    if labels is None or labelled is None:
        rows = pl.scan_parquet(folder / VERDICTS).filter(mine).select("decided_by", "status").collect()
    else:
        from scorer.calibrated import reference_digest

        rows, digest = labelled.filter(mine), reference_digest(labels)
    return cascade_record(rows, made_of, rubric, int(manifest["seed"]), digest)


def _write_scores(folder: RunFolder, estimates: list[Estimate]) -> None:
    rows = [asdict(e) for e in estimates]
    frame = pl.DataFrame(rows, schema={f.name: _POLARS_TYPES[f.type] for f in fields(Estimate)})
    write_whole(folder / SCORES_CSV, frame.write_csv)
    write_json(folder / SCORES_JSON, rows)
