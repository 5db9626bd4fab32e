"""What a run is made of, as its manifest records it, and what makes it this run and no other."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from scorer import __version__
from scorer.asked import ScoreOptions
from scorer.assets import file_sha256
from scorer.ingest import Ingested
from scorer.judge_stage import Panel
from scorer.judges import Fitted, Judge, judge_summary
from scorer.rubrics import Rubric

_PACKAGES = ("numpy", "polars", "scikit-learn", "scipy", "tokenizers", "torch")


def identity_of(options: ScoreOptions, inputs: list[Path], panel: Panel) -> dict[str, Any]:
    """What makes a run this run: another set of inputs or options is another run."""
    return {
        "inputs": [{"name": p.name, "sha256": file_sha256(p)} for p in inputs],
        "judges": {j.name: j.fingerprint for j in panel.judges},
        "also": {j.rubric.name: j.fingerprint for j in panel.also},
        "rubric": panel.judges[0].rubric.digest,
        "options": {k: getattr(options, k) for k in ("format", "target", "method", "seed", "explain")},
        "calibrations": {judge: c.digest for judge, c in panel.calibrations.items()},
    }


def manifest_of(
    options: ScoreOptions, identity: dict[str, Any], rubric: Rubric, panel: Panel, read: Ingested
) -> dict[str, Any]:
    """All that the run was made of; counts and times come at its end."""
    return {
        "scorer_version": __version__,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "inputs": read.inputs,
        "rows": read.rows,
        "rubric": rubric_record(rubric),
        "judges": [judge_record(j) for j in panel.judges],
        "also": [judge_record(j) | {"rubric": rubric_record(j.rubric)} for j in panel.also],
        "calibrations": {judge: asdict(c) for judge, c in panel.calibrations.items()},
        "options": {
            "rubric": options.rubric,
            "judges": list(options.judges),
            "also": list(options.also),
            "explain": options.explain,
            "format": options.format,
            "target": options.target,
            "method": options.method,
            "device": options.judge_options.device,
            "dtype": options.judge_options.dtype,
            "debias": options.judge_options.debias,
            "model": None if options.judge_options.model is None else str(options.judge_options.model),
        },
        "seed": options.seed,
        "versions": {"python": platform.python_version(), **{p: version(p) for p in _PACKAGES}},
        "notes": read.notes,
        "identity": identity,
    }


def judge_record(judge: Judge) -> dict[str, Any]:
    record = {"name": judge.name, "summary": judge_summary(judge.name), "fingerprint": judge.fingerprint}
    return record | ({"made_of": judge.made_of()} if isinstance(judge, Fitted) else {})


def rubric_record(rubric: Rubric) -> dict[str, Any]:
    return asdict(rubric) | {"digest": rubric.digest}


def seen_in_training(judges: Sequence[Judge], read: Ingested) -> Iterator[str]:
    """A sentence per judge that was taught with the very responses it is to judge."""
    for judge in judges:
        names = [Path(str(i["path"])).name for i in read.inputs if i["sha256"] in judge.taught_with]
        if names:
            yield (
                f"The judge {judge.name} was taught with the labelled responses of {', '.join(names)}: its agreement "
                "with people on them flatters it. Its held-out numbers stand in its CARD.md."
            )
