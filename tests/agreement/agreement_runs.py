"""Small runs and references for the tests of the agreement report."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from scorer.agreement.cases import Cases, load_cases
from scorer.agreement.health import reference_health
from scorer.references import REFERENCE_SCHEMA
from scorer.report.run_files import Run
from scorer.rubrics import Rubric, load_rubric

XSTEST = load_rubric("xstest")
COMPLIES, REFUSES, PARTLY = XSTEST.class_ids
TARGETS = ("gpt4", "llama2new", "mistralinstruct")
"""Of the real labels."""
TEXTS = ("item_id", "target", "method", "scenario", "channel", "category", "group_id", "expects", "query", "response")


def response(number: int, **fields: Any) -> dict[str, Any]:
    """One row of responses.parquet."""
    row = dict.fromkeys(TEXTS) | {
        "item_id": f"item-{number}",
        "target": "alpha",
        "method": "plain",
        "expects": "refusal" if number % 2 else "answer",
        "query": f"Query {number}?",
        "response": f"Response number {number}.",
    }
    return row | fields


def verdict(label: str | None, p: float | None = None, rubric: Rubric = XSTEST, **fields: Any) -> dict[str, Any]:
    """A judgement; label None could not be scored, p None comes from a judge without probabilities."""
    if label is None:
        return {"status": "error", "reason": "no reason"} | fields
    flagged = label in rubric.flagged_ids
    row: dict[str, Any] = {"status": "ok", "label": label, "flagged": flagged, "p_flagged": p}
    if p is not None:
        row |= {f"p_{c}": 0.0 for c in rubric.class_ids}
        row[f"p_{label}"] = p if flagged else 1 - p
        row[f"p_{rubric.when_not_flagged if flagged else rubric.when_flagged}"] = 1 - p if flagged else p
    return row | fields


def make_run(
    responses: Sequence[Mapping[str, Any]],
    verdicts: Mapping[str, Sequence[Mapping[str, Any]]],
    rubric: Rubric = XSTEST,
) -> Run:
    """A run in memory; `verdicts` maps a judge to one verdict per response."""
    frame = pl.DataFrame(list(responses), schema=dict.fromkeys(TEXTS, pl.String))
    schema: dict[str, Any] = dict.fromkeys(TEXTS[:8], pl.String)
    schema |= dict.fromkeys(("judge", "judge_fingerprint", "rubric", "status", "label"), pl.String)
    schema |= {"p_flagged": pl.Float64, "flagged": pl.Boolean}
    schema |= {f"p_{c}": pl.Float64 for c in rubric.class_ids} | {"evidence": pl.String, "reason": pl.String}
    rows = [
        {name: place[name] for name in TEXTS[:8]} | {"judge": judge, "rubric": rubric.name} | dict(given[i])
        for i, place in enumerate(frame.iter_rows(named=True))
        for judge, given in verdicts.items()
    ]
    manifest = {
        "state": "complete",
        "scorer_version": "0",
        "created": "2026-11-20T14:03:00+00:00",
        "rubric": asdict(rubric) | {"digest": rubric.digest},
        "judges": [{"name": name, "summary": f"What {name} does.", "fingerprint": "ef" * 32} for name in verdicts],
    }
    return Run(manifest, (), frame, pl.DataFrame([{k: r.get(k) for k in schema} for r in rows], schema=schema))


def write_run(folder: Path, run: Run) -> Path:
    """The run as a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    run.responses.write_parquet(folder / "responses.parquet")
    run.verdicts.write_parquet(folder / "verdicts.parquet")
    (folder / "manifest.json").write_text(json.dumps(run.manifest), encoding="utf-8")
    return folder


def labels(
    run: Run, given: Sequence[str | None], annotator: str = "anna", rubric: str = "xstest", **fields: Any
) -> pl.DataFrame:
    """A label per response of the run, in its order; None leaves a response out."""
    rows = [
        dict.fromkeys(REFERENCE_SCHEMA)
        | {"item_id": r["item_id"], "target": r["target"], "annotator": annotator, "rubric": rubric, "status": "ok"}
        | {"label": label, "text": label, "source": "labels.csv"}
        | fields
        for r, label in zip(run.responses.iter_rows(named=True), given, strict=True)
        if label is not None
    ]
    return pl.DataFrame(rows, schema=REFERENCE_SCHEMA)


def warnings(run: Run, references: pl.DataFrame, code: str | None = None, seed: int = 0) -> list[dict[str, Any]]:
    """The warnings on a reference, or those of one code."""
    found = reference_health(cases(run, references, seed))["warnings"]
    return [w for w in found if code is None or w["code"] == code]


def cases(run: Run, references: pl.DataFrame, seed: int = 0) -> Cases:
    """The run beside the labels."""
    return load_cases(run, references, seed, "labels.parquet")


def relabelled(references: pl.DataFrame, annotator: str, target: str, order: np.ndarray[Any, Any]) -> pl.DataFrame:
    """The labels of one annotator and target in another order: label `order[i]` comes to stand in row i."""
    rows = (pl.col("annotator") == annotator) & (pl.col("target") == target)
    moved = references.filter(rows)
    return pl.concat([references.filter(~rows), moved.with_columns(moved["label"][order.tolist()])])


def sound_run(n: int = 240, *, judge_right: float = 0.95, seed: int = 0) -> tuple[Run, list[str]]:
    """Two targets, a judge with probabilities that is right so often, one without, and the true labels."""
    rng = np.random.default_rng(seed)
    rows, truth, sure, plain = [], [], [], []
    for i in range(n):
        expects = "refusal" if rng.random() < 0.5 else "answer"
        refuses = rng.random() < (0.85 if expects == "refusal" else 0.15)
        label = (PARTLY if rng.random() < 0.15 else REFUSES) if refuses else COMPLIES
        place = {
            "target": ("alpha", "beta")[i % 2],
            "category": f"c{i % 3}",
            "expects": expects,
            "group_id": f"g{i // 4}",
        }
        rows.append(response(i, **place))
        truth.append(label)
        for given, right, with_p in ((sure, judge_right, True), (plain, judge_right - 0.1, False)):
            flagged = refuses if rng.random() < right else not refuses
            said = (label if refuses else REFUSES) if flagged else COMPLIES
            p = float(np.clip(rng.normal(0.9 if flagged else 0.1, 0.05), 0.5 * flagged, 0.49 + 0.51 * flagged))
            given.append(verdict(said, p) if with_p else verdict(REFUSES if flagged else COMPLIES))
    return make_run(rows, {"sure": sure, "words": plain}), truth
