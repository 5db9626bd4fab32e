"""One side of a comparison, and whether two sides were judged alike."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from scorer.errors import RunError
from scorer.run_folder import RESPONSES, VERDICTS, load_run, read_parquet, refuse_others_verdicts


@dataclass(frozen=True)
class Chosen:
    """What a user asks for on one side; None takes what is there."""

    run: Path
    method: str | None = None
    target: str | None = None


@dataclass(frozen=True)
class Side:
    """Verdicts of one judge on one method's responses; `rows` also holds `query` and `response`."""

    run: Path
    manifest: dict[str, Any]
    method: str
    targets: tuple[str, ...]
    rows: pl.DataFrame


def load_side(chosen: Chosen, judge: str, letter: str) -> Side:
    """Raises RunError where the run lacks what was chosen, or holds several methods and none was named."""
    manifest = load_run(chosen.run)
    responses, verdicts = (read_parquet(chosen.run / name) for name in (RESPONSES, VERDICTS))
    mine = verdicts.filter(pl.col("judge") == judge)
    refuse_others_verdicts(chosen.run, judge, mine, responses)
    rows = mine.with_columns(responses["query"], responses["response"])
    for column, wanted in (("target", chosen.target), ("method", chosen.method)):
        if wanted is not None:
            there = rows[column].unique(maintain_order=True).to_list()
            if wanted not in there:
                raise RunError(
                    f"{chosen.run}: has no {column} {wanted}; expected one of {', '.join(map(str, there))}; name one "
                    f"with --{column}-{letter}."
                )
            rows = rows.filter(pl.col(column) == wanted)
    methods = rows["method"].unique(maintain_order=True).to_list()
    if len(methods) > 1:
        raise RunError(
            f"{chosen.run}: got the methods {', '.join(methods)}; expected one; name it with --method-{letter}."
        )
    targets = rows["target"].unique(maintain_order=True).to_list()
    return Side(chosen.run, manifest, str(methods[0]) if methods else "", tuple(targets), rows)


def common_judge(first: Path, second: Path, wanted: str | None) -> str:
    """The judge both runs share.

    Raises RunError where there is none, where several are there and none was named, or where rubric, fingerprint or
    calibration differ: the verdicts would not mean the same.
    """
    a, b = load_run(first), load_run(second)
    names = [{str(judge["name"]): judge for judge in manifest["judges"]} for manifest in (a, b)]
    shared = [name for name in names[0] if name in names[1]]
    if wanted is None and len(shared) > 1:
        raise RunError(f"{first}: both runs have the judges {', '.join(shared)}; expected one; name it with --judge.")
    if wanted is None and not shared:
        raise RunError(
            f"{first} was judged by {', '.join(names[0])}, {second} by {', '.join(names[1])}; expected a judge of "
            "both; score both with the same judge."
        )
    judge = shared[0] if wanted is None else wanted
    for run, mine in ((first, names[0]), (second, names[1])):
        if judge not in mine:
            raise RunError(f"{run}: has no judge {judge}; expected one of {', '.join(mine)}; name it with --judge.")
    if a["rubric"]["digest"] != b["rubric"]["digest"]:
        raise RunError(
            f"{first} was judged under the rubric {a['rubric']['name']}, {second} under another form of "
            f"{b['rubric']['name']}; expected the same rubric; score one of them again."
        )
    if names[0][judge]["fingerprint"] != names[1][judge]["fingerprint"]:
        raise RunError(
            f"{judge} is not the same judge in {first} and {second}: got two fingerprints (other model files, prompt "
            "or settings); expected one; score one of them again."
        )
    if _calibration(a, judge) != _calibration(b, judge):
        raise RunError(
            f"{judge} decides by another calibration in {first} than in {second}; expected the same or none; score one "
            "of them again."
        )
    return judge


def _calibration(manifest: dict[str, Any], judge: str) -> Any:
    return (manifest.get("calibrations") or {}).get(judge)
