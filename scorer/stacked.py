"""A run that both judges judged and its labels -> the stack that combines them, and its cross-fitted verdicts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer

from scorer.calibrated import decide_by, put_fitted, reference_digest, response_keys, too_few
from scorer.calibration.stack import EDGE, FILE, SavedStack, logits
from scorer.errors import CalibrationError
from scorer.labelled import load_labelled_run
from scorer.metrics import CLUSTER
from scorer.rubrics import Rubric
from scorer.stats.cross_fitting import cross_fitted
from scorer.stats.intervals import Floats

NAME = "stack"
PARTS = ("embedding", "vllm")


def fit_stack(
    run: Path,
    references: list[Path],
    annotator: str | None,
    out: Path,
    seed: int,
    say: Callable[[str], None],
    *,
    force: bool = False,
) -> SavedStack:
    """Fit the combination of both judges on a run that they judged, and write it into `out`.

    Raises a ScorerError where a judge is missing, gives no probabilities, or the labels are too few, or where `out`
    holds another stack (unless `force`).
    """
    found = load_labelled_run(run, references, annotator)
    prints = {name: fingerprint for name in PARTS if (fingerprint := found.fingerprint(name)) is not None}
    if len(prints) < len(PARTS):
        names = ", ".join(j["name"] for j in found.manifest["judges"])
        raise CalibrationError(
            f"{run}: was judged by {names}; expected {' and '.join(PARTS)}, which a stack combines; score it with both."
        )
    say(f"{' and '.join(PARTS)}: fitting one probability to the labels")
    first = found.judged_by(PARTS[0])
    p = _columns(found.verdicts)
    rows = (~np.isnan(p).any(axis=1)) & first["truth"].is_not_null().to_numpy()
    truth = first["truth"].is_in(sorted(found.rubric.flagged_ids)).fill_null(False).to_numpy()[rows]
    if reason := "no labelled response has probabilities of both judges" if not rows.any() else too_few(truth):
        raise CalibrationError(f"{run}: {reason}.")
    cluster = first.select(cluster=CLUSTER)["cluster"].to_numpy()[rows]
    if len(set(cluster)) < 2:
        raise CalibrationError(f"{run}: got labels in one group alone; expected several, to fit and to test on others.")
    model = _fit(prints, found.rubric, p[rows], truth.astype(float), cluster, seed)
    keys = tuple(response_keys(first.filter(pl.Series(rows))))
    saved = SavedStack(reference_digest=reference_digest(found.labels), fitted_on=keys, **model)
    put_fitted(out / FILE, asdict(saved), force=force)
    return saved


def refuse_unfitted_correction(judges: Sequence[Mapping[str, Any]], labelled: pl.DataFrame) -> None:
    """Raise CalibrationError where labels would correct a stack that they fitted and it cannot be cross-fitted.

    `judges` are the manifest's records: cross-fitting needs the verdicts of both parts, which the stack's own do not
    hold. `labelled` are labels, or labelled verdicts.
    """
    known = {j["name"]: j["fingerprint"] for j in judges}
    made_of = next((j["made_of"] for j in judges if j["name"] == NAME), None)
    if made_of is None or not fitted_by(made_of, labelled):
        return
    if any(known.get(name) != fingerprint for name, fingerprint in made_of["parts"].items()):
        options = " ".join(f"--judge {name}" for name in (*made_of["parts"], NAME))
        raise CalibrationError(
            f"the labels that fitted the stack cannot correct it unless it is fitted anew without them, which takes "
            f"its parts' verdicts: score with {options}, which costs no further call, or give other labels."
        )


def fitted_by(made_of: Mapping[str, Any], labelled: pl.DataFrame) -> bool:
    """Whether labels of any of these responses fitted the stack; `labelled` are labels, or labelled verdicts."""
    stack = made_of["stack"]
    if "annotator" in labelled.columns and reference_digest(labelled) == stack["reference_digest"]:
        return True  # labels as they come, which need not name target and method
    return bool(response_keys(labelled).is_in(list(stack["fitted_on"])).any())


def cross_fit_stack(verdicts: pl.DataFrame, rubric: Rubric, seed: int) -> pl.DataFrame:
    """The stack's rows of all judges' `verdicts` (with `truth`), decided by stacks that did not see their label."""
    mine = verdicts.filter(pl.col("judge") == NAME)
    columns = _columns(verdicts)
    known = ~np.isnan(columns).any(axis=1) & mine["p_flagged"].is_not_null().to_numpy()
    flagged = mine["truth"].is_in(sorted(rubric.flagged_ids)).cast(pl.Float64)
    truth = pl.select(pl.when(mine["truth"].is_not_null()).then(flagged)).to_series().cast(pl.Float64).to_numpy()
    cluster = mine.select(cluster=CLUSTER)["cluster"].to_numpy()
    p = np.full(len(mine), np.nan)
    rng = np.random.default_rng(seed)
    p[known] = cross_fitted(_model(), columns[known], truth[known], cluster[known], rng)
    return decide_by(mine, p, rubric)


def _fit(
    prints: dict[str, str], rubric: Rubric, p: Floats, truth: Floats, cluster: Floats, seed: int
) -> dict[str, Any]:
    """What is fitted and measured: the fields of a SavedStack but for those that name the labels."""
    model = _model().fit(p, truth)[-1]
    held_out = {NAME: cross_fitted(_model(), p, truth, cluster, np.random.default_rng(seed))}
    held_out |= dict(zip(prints, p.T, strict=True))
    return {
        "parts": prints,
        "rubric": rubric.name,
        "rubric_digest": rubric.digest,
        "intercept": float(model.intercept_[0]),
        "weights": tuple(model.coef_[0].tolist()),
        "n": len(truth),
        "n_flagged": int(truth.sum()),
        "held_out": {name: _measures(each, truth) for name, each in held_out.items()},
    }


def _model() -> Pipeline:
    """Logistic regression on logits, stacking as in Wolpert (1992), Neural Networks 5, 241-259.

    scikit-learn's default penalty (C = 1) keeps it finite where the labels are separable.
    """
    return make_pipeline(FunctionTransformer(logits), LogisticRegression())


def _columns(verdicts: pl.DataFrame) -> Floats:
    """(responses, parts) p_flagged as each part gave it, NaN where it gave none; in the order of the responses."""
    each = [verdicts.filter(pl.col("judge") == name)["p_flagged"].cast(pl.Float64).to_numpy() for name in PARTS]
    return np.stack(each, axis=1)


def _measures(p: Floats, truth: Floats) -> dict[str, float]:
    """Agreement on flagged (a rate) and log loss (nats per label)."""
    q = np.clip(p, EDGE, 1 - EDGE)
    loss = -np.log(np.where(truth == 1, q, 1 - q))
    return {"agreement": float(((p >= 0.5) == (truth == 1)).mean()), "log_loss": float(loss.mean())}
