"""What stands in a run folder, read once and checked for being one run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import polars as pl

from scorer.errors import RunError
from scorer.records import DIMENSIONS, Estimate, FurtherShare
from scorer.run_folder import (
    ALSO_JSON,
    MANIFEST,
    RESPONSES,
    SCORES_JSON,
    VERDICTS,
    read_parquet,
    refuse_others_verdicts,
)

_MANIFEST_KEYS = ("scorer_version", "created", "inputs", "rubric", "judges", "counts")
_FINISHED = "give the folder of a finished run."

Record = TypeVar("Record", Estimate, FurtherShare)


@dataclass(frozen=True)
class Run:
    """One run: its manifest, its estimates, its responses and the verdicts on them."""

    manifest: dict[str, Any]
    scores: tuple[Estimate, ...]
    responses: pl.DataFrame
    verdicts: pl.DataFrame
    also: tuple[FurtherShare, ...] = ()
    """Shares by further rubrics."""

    @cached_property
    def judges(self) -> list[str]:
        """Names of the judges in the order in which they stand in the verdicts."""
        names = self.verdicts["judge"].unique(maintain_order=True).to_list()
        return [str(name) for name in names] or [str(judge["name"]) for judge in self.manifest["judges"]]

    @cached_property
    def classes(self) -> list[dict[str, Any]]:
        """The rubric's classes in order."""
        return list(self.manifest["rubric"]["classes"])

    def distinct(self, column: str) -> list[str]:
        """The values of a column of the responses in order of appearance, nulls left out."""
        return [str(value) for value in self.responses[column].drop_nulls().unique(maintain_order=True).to_list()]

    def verdicts_of(self, judge: str) -> pl.DataFrame:
        """A judge's verdicts: row i belongs to response i."""
        return self.verdicts.filter(pl.col("judge") == judge)

    @cached_property
    def _index(self) -> dict[tuple[str | None, ...], Estimate]:
        return {(e.estimator, e.judge, e.metric, *(getattr(e, d) for d in DIMENSIONS)): e for e in self.scores}

    def estimate(self, judge: str, metric: str, estimator: str = "plugin", **fixed: str | None) -> Estimate | None:
        """The estimate of a slice: `fixed` names the slice's columns, the others are free."""
        return self._index.get((estimator, judge, metric, *(fixed.get(d) for d in DIMENSIONS)))

    @property
    def leading(self) -> str:
        """The estimator that the headline shows."""
        return str(self.manifest.get("estimator", "plugin"))

    def target_methods(self) -> Iterator[tuple[str, str]]:
        """Each target with each of its methods that has estimates: a target's methods side by side."""
        methods: dict[str, dict[str, None]] = {}
        for e in self.scores:
            if e.target is not None and e.method is not None:
                methods.setdefault(e.target, {}).setdefault(e.method)
        for target, own in methods.items():
            yield from ((target, method) for method in own)


def load_run(run_dir: Path) -> Run:
    """Read a run folder.

    Raises RunError where a file is missing, cannot be read or belongs to another run than the rest.
    """
    manifest = _json(run_dir / MANIFEST)
    missing = [key for key in _MANIFEST_KEYS if key not in manifest] if isinstance(manifest, dict) else ["everything"]
    if missing:
        raise RunError(f"{run_dir / MANIFEST}: got no {', '.join(missing)}; score again to write a whole manifest.")
    scores = _records(run_dir / SCORES_JSON, Estimate)
    also = _records(run_dir / ALSO_JSON, FurtherShare) if manifest.get("also") else ()
    responses, verdicts = (read_parquet(run_dir / name, _FINISHED) for name in (RESPONSES, VERDICTS))
    run = Run(manifest, scores, responses, verdicts, also)
    for judge in run.judges if len(run.verdicts) else []:
        refuse_others_verdicts(run_dir, judge, run.verdicts_of(judge), run.responses)
    if len(run.responses) and not len(run.verdicts):
        raise RunError(f"{run_dir}: {RESPONSES} has rows but {VERDICTS} has none; score again.")
    return run


def _records(path: Path, kind: type[Record]) -> tuple[Record, ...]:
    names = [f.name for f in fields(kind)]
    try:
        return tuple(kind(**{name: row[name] for name in names}) for row in _json(path))
    except (KeyError, TypeError) as error:
        raise RunError(f"{path}: a row lacks {error}; score again to write it anew.") from error


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RunError(f"{path}: cannot be read ({error.strerror}); {_FINISHED}") from error
    except ValueError as error:
        raise RunError(f"{path}: is not valid JSON ({error}); score again to write it anew.") from error
