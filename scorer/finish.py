"""From verdicts to what people read: estimates, corrected where there are labels, tables, manifest and report."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import polars as pl

from scorer.assets import file_sha256
from scorer.cascaded import NAME as CASCADE
from scorer.cascaded import cascade_record
from scorer.class_orders import order_effects
from scorer.crossed import cross
from scorer.errors import InputError, RunError
from scorer.labelled import attach, choose_annotator, refuse_other_rubric
from scorer.metrics import estimate
from scorer.records import Estimate, FurtherShare
from scorer.references import load_references
from scorer.report import write_report
from scorer.rubrics import Rubric, rubric_from_record
from scorer.run_folder import (
    ALSO_CSV,
    ALSO_JSON,
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
    also: list[FurtherShare] = field(default_factory=list)


def check_correction(correction: Correction) -> None:
    """Raise RunError where the estimator is unknown or lacks the labels that it needs."""
    if correction.leading not in ESTIMATORS:
        raise RunError(f"got --estimator {correction.leading!r}; expected one of {', '.join(ESTIMATORS)}.")
    if correction.leading != "plugin" and not correction.references:
        raise RunError(f"the estimator {correction.leading} needs labels; give them with --reference FILE.")


def read_labels(correction: Correction, rubric: Rubric) -> pl.DataFrame | None:
    """The labels that correct, checked against the rubric; None without any.

    Raises RunError where there is nothing that labels could correct.
    """
    if not correction.references:
        return None
    if not rubric.sra:
        raise RunError(
            f"labels correct safety response accuracy, and the rubric {rubric.name} gives none; leave --reference out, "
            "or compare judges and labels with `scorer agree`."
        )
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

    Raises InputError where none of the labels belongs to a response of the run, or all of them are the same; files
    written before are intact.
    """
    seed = int(manifest["seed"])
    judged = pl.scan_parquet(folder / VERDICTS)
    estimates = estimate(judged, rubric, seed) if rubric.sra else []
    n_labels, label_notes = 0, []
    verdicts = None
    if labels is not None:
        verdicts = _with_labels(pl.read_parquet(folder / VERDICTS), labels, manifest, rubric, seed)
        used = verdicts.filter(pl.col("judge") == verdicts["judge"][0], pl.col("truth").is_not_null())
        _refuse_useless(used["truth"], correction)
        n_labels, label_notes = len(used), list(_label_notes(used["probability"]))
        from scorer.corrected import correct

        estimates += correct(verdicts, estimates, rubric, seed)
    manifest = manifest | {
        "estimator": correction.leading,
        "references": [{"path": str(p), "sha256": file_sha256(p)} for p in correction.references],
        "annotator": None if labels is None else labels["annotator"][0],
        "n_labels": n_labels,
        "label_notes": label_notes,
        "order_effects": [asdict(e) for e in order_effects(judged, manifest["options"].get("debias", 1))],
        "cascade": _cascade(folder, manifest, rubric, verdicts),
    }
    _write_rows(folder, SCORES_CSV, SCORES_JSON, Estimate, estimates)
    further = [rubric_from_record(record["rubric"]) for record in manifest.get("also", ())]
    also = cross(judged, rubric, further, seed)
    if further:
        _write_rows(folder, ALSO_CSV, ALSO_JSON, FurtherShare, also)
    write_json(folder / MANIFEST, manifest)
    write_report(folder.path)
    return ScoredRun(folder.path, manifest, estimates, also)


def _refuse_useless(truth: pl.Series, correction: Correction) -> None:
    where = ", ".join(map(str, correction.references))
    if truth.is_empty():
        raise InputError(
            where,
            "no label of a response in this run",
            "the same item_id (and target, method) as in the run",
            "import the labels for this run's responses",
        )
    if truth.n_unique() == 1:
        raise InputError(
            where,
            f"nothing but {truth[0]} in all {len(truth)} labels of this run's responses",
            "at least two classes",
            "label responses of other kinds too, or check the import",
        )


def _label_notes(probability: pl.Series) -> Iterator[str]:
    """What the user should know of labels that were picked in different ways."""
    unknown = probability.null_count()
    if 0 < unknown < len(probability):
        yield (
            f"{len(probability) - unknown} of {len(probability)} labels say with which chance their responses were "
            f"picked, {unknown} do not: in slices that hold both, all labels count alike, and the corrected values "
            "lean towards what was picked more often."
        )


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
    """Verdicts with `truth`, `probability` and `p_decided`; cross-fitted where the calibration saw one of these."""
    from scorer.calibrated import cross_fit, response_keys
    from scorer.calibration.saved import SavedCalibration

    joined = pl.concat([verdicts, attach(verdicts, labels)], how="horizontal")
    made_of = {j["name"]: j["made_of"] for j in manifest.get("judges", ()) if "made_of" in j}
    parts = []
    for judge in verdicts["judge"].unique(maintain_order=True):
        mine = joined.filter(pl.col("judge") == judge)
        record = manifest.get("calibrations", {}).get(judge)
        if record is not None:
            saved = SavedCalibration(**record)
            if response_keys(mine.filter(pl.col("truth").is_not_null())).is_in(saved.fitted_on).any():
                mine = cross_fit(mine, saved, rubric, seed)
        elif "stack" in made_of.get(judge, {}):
            from scorer.stacked import cross_fit_stack, fitted_by, refuse_unfitted_correction

            used = mine.filter(pl.col("truth").is_not_null())
            refuse_unfitted_correction(manifest["judges"], used)
            if fitted_by(made_of[judge], used):
                mine = cross_fit_stack(joined, rubric, seed)
        parts.append(mine)
    together = pl.concat(parts, how="diagonal")
    decided = "p_calibrated" if "p_calibrated" in together.columns else "p_flagged"
    return together.with_columns(p_decided=pl.coalesce(decided, "p_flagged"))


def _cascade(
    folder: RunFolder,
    manifest: dict[str, Any],
    rubric: Rubric,
    labelled: pl.DataFrame | None,
) -> dict[str, Any] | None:
    """What the cascade did, None in a run without one; `labelled` are the verdicts with their labels."""
    made_of = next((j["made_of"] for j in manifest["judges"] if j["name"] == CASCADE), None)
    if made_of is None:
        return None
    mine = pl.col("judge") == CASCADE
    if labelled is None:
        rows = pl.scan_parquet(folder / VERDICTS).filter(mine).select("decided_by", "status").collect()
        return cascade_record(rows, made_of, rubric, int(manifest["seed"]))
    from scorer.calibrated import response_keys

    rows = labelled.filter(mine)
    used = response_keys(rows.filter(pl.col("truth").is_not_null()))
    same = bool(used.is_in(list(made_of["certificate"]["fitted_on"])).any())
    return cascade_record(rows, made_of, rubric, int(manifest["seed"]), same_labels=same)


def _write_rows(
    folder: RunFolder, csv: str, json: str, kind: type, records: Sequence[Estimate] | Sequence[FurtherShare]
) -> None:
    """The same rows as CSV and as JSON; without any row the CSV has its header all the same."""
    rows = [asdict(r) for r in records]
    frame = pl.DataFrame(rows, schema={f.name: _POLARS_TYPES[f.type] for f in fields(kind)})
    write_whole(folder / csv, frame.write_csv)
    write_json(folder / json, rows)
