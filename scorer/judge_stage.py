"""The judging stage of a run: every part of the responses by every judge, from the cache where it is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from scorer.cache import VerdictCache
from scorer.explaining import explain
from scorer.ingest import responses_of
from scorer.judges import Judge
from scorer.judging import JudgeCounts, judge_part, remembering, verdict_frame
from scorer.records import Response, Verdict
from scorer.run_folder import storage_errors

if TYPE_CHECKING:
    from collections.abc import Callable

    from scorer.calibration.saved import SavedCalibration  # scikit-learn comes with it: half a second at the start


@dataclass(frozen=True)
class Panel:
    """Who judges: `judges` under the run's rubric, `also` one judge per further rubric; calibrations by judge."""

    judges: Sequence[Judge]
    also: Sequence[Judge]
    calibrations: Mapping[str, SavedCalibration]
    explain: bool

    @property
    def all(self) -> list[Judge]:
        """Every judge with the name it is counted under: its own, or the further rubric's."""
        return [*self.judges, *self.also]

    def count_names(self) -> list[str]:
        """The name under which each of `all` is counted."""
        return [*(j.name for j in self.judges), *(f"{j.name} ({j.rubric.name})" for j in self.also)]


def judge_parts(
    panel: Panel, parts: Sequence[Path], cache_file: Path, advance: Callable[[int], None]
) -> tuple[list[Path], dict[str, JudgeCounts]]:
    """Judge part by part; the verdicts' files beside the parts, and what every judge did."""
    counts = {name: JudgeCounts() for name in panel.count_names()}
    written: list[Path] = []
    with VerdictCache(cache_file) as cache:
        judges = [remembering(j, cache) for j in panel.all]
        for source in parts:
            frame = pl.read_parquet(source)
            responses = responses_of(frame)
            verdicts = [
                judge_part(j, responses, cache, count, advance)
                for j, count in zip(judges, counts.values(), strict=True)
            ]
            table = _table(panel, judges, frame, responses, verdicts, cache)
            written.append(source.with_name(source.name.replace("responses", "verdicts")))
            with storage_errors(written[-1]):
                table.write_parquet(written[-1])
    return written, counts


def _table(
    panel: Panel,
    judges: Sequence[Judge],
    frame: pl.DataFrame,
    responses: Sequence[Response],
    verdicts: Sequence[list[Verdict]],
    cache: VerdictCache,
) -> pl.DataFrame:
    """The rows of verdicts.parquet for one part."""
    first = len(panel.judges)
    judged = list(zip(judges[:first], verdicts[:first], strict=True))
    if panel.explain:
        judged = explain(judged, responses, cache)
    for judge, found in zip(judges[first:], verdicts[first:], strict=True):
        frame = frame.hstack(_also_columns(judge, found))
    table = verdict_frame(frame, judged)
    if panel.calibrations:
        from scorer.calibrated import apply_calibrations

        table = apply_calibrations(table, panel.calibrations, judges[0].rubric)
    return table


def _also_columns(judge: Judge, verdicts: Sequence[Verdict]) -> list[pl.Series]:
    """A further rubric's verdicts as columns under its name."""
    rubric = judge.rubric
    p = [None if v.probabilities is None else rubric.p_flagged(v.probabilities) for v in verdicts]
    return [
        pl.Series(f"{rubric.name}_status", [v.status for v in verdicts], pl.String),
        pl.Series(f"{rubric.name}_label", [v.label for v in verdicts], pl.String),
        pl.Series(f"{rubric.name}_p_flagged", p, pl.Float64),
    ]
