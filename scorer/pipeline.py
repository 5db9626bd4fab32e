"""The order of the stages: inputs -> responses -> verdicts -> estimates -> report. Nothing else knows it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from scorer.asked import Progress, ScoreOptions
from scorer.cache import default_cache_folder
from scorer.errors import InputError, RunError, ServerError
from scorer.finish import ScoredRun, check_correction, check_labels, finish, read_labels
from scorer.ingest import Ingested, ingest
from scorer.judge_stage import Panel, judge_parts
from scorer.judges import JudgeOptions
from scorer.judging import JudgeCounts
from scorer.panel import build_panel
from scorer.rubrics import load_rubric
from scorer.run_folder import MANIFEST, OUTPUTS, RESPONSES, VERDICTS, RunFolder, write_json, write_parts
from scorer.run_record import identity_of, judge_record, manifest_of, seen_in_training
from scorer.served_model import open_model

CACHE_FILE = "verdicts.sqlite"
"""The cache's name in its folder."""


def score(options: ScoreOptions, progress: Progress) -> ScoredRun:
    """Score all inputs with all judges into one run folder.

    Every row is read and checked before anything is judged. Killed at any moment, the same call goes on where it
    was: verdicts are in the cache (or, without one, in the run folder) as soon as they are there. Raises a
    ScorerError with one clear sentence where something is wrong; files of an earlier run are then intact.
    """
    with open_model(options.server, progress.say) as served:
        judge_options = replace(options.judge_options, served=served, calibration=options.calibration)
        return _score(options, judge_options, progress)


def check_judging(options: ScoreOptions) -> None:
    """Raise what `score` would raise about judges, calibration and labels, long before there is anything to score.

    No model is loaded and no server started. A server at a URL may come up later: while it does not answer, what
    depends on it is left to `score`.
    """
    with open_model(options.server, lambda _: None) as served:
        judge_options = replace(options.judge_options, served=served, calibration=options.calibration)
        rubric = load_rubric(options.rubric)
        labels = read_labels(options.correction, rubric)
        try:
            panel = build_panel(options, judge_options, rubric)
        except ServerError:
            if options.server.url is None:
                raise
        else:
            check_labels([judge_record(j) for j in panel.judges], labels)


def _score(options: ScoreOptions, judge_options: JudgeOptions, progress: Progress) -> ScoredRun:
    began = time.monotonic()
    rubric = load_rubric(options.rubric)
    panel = build_panel(options, judge_options, rubric)
    judges = panel.judges
    check_correction(options.correction)
    labels = read_labels(options.correction, rubric)
    check_labels([judge_record(j) for j in judges], labels)
    inputs = _readable(options.inputs)
    folder = RunFolder(options.out)
    _refuse_own_outputs(folder, inputs)
    with folder.claimed():
        run_identity = identity_of(options, inputs, panel)
        if options.force:
            folder.clear_work()
        else:
            _refuse_other_run(folder, run_identity)
        progress.say(f"reading {len(inputs)} input{'s' if len(inputs) > 1 else ''}")
        read = _ingest(options, inputs, folder, progress)
        taught = list(seen_in_training(judges, read))
        for note in taught:
            read.notes.append(note)
            progress.say(note)
        record = manifest_of(options, run_identity, rubric, panel, read) | {"taught_with": taught}
        if not folder.holds_outputs():
            write_json(folder / MANIFEST, record | {"state": "running"})
        counts, parts = _judge(options, folder, panel, read, progress)
        if options.force:  # not sooner: until here a fault leaves what is to be replaced
            folder.clear_outputs()
            write_json(folder / MANIFEST, record | {"state": "running"})
        write_parts(folder / RESPONSES, read.parts)
        write_parts(folder / VERDICTS, parts)
        record |= {
            "state": "complete",
            "counts": {name: dict(c.by_status) for name, c in counts.items()},
            "judged": {name: c.judged for name, c in counts.items()},
            "from_cache": {name: c.from_cache for name, c in counts.items()},
            "wall_seconds": round(time.monotonic() - began, 2),
        }
        progress.say("computing scores and intervals, writing tables and report")
        run = finish(folder, record, rubric, options.correction, labels)
        folder.clear_work()
    return run


def _readable(paths: Sequence[Path]) -> list[Path]:
    """The inputs, each once and each a readable file."""
    for path in paths:
        try:
            with path.open("rb"):
                pass
        except OSError as error:
            raise InputError(
                path, error.strerror or "no readable file", "a file of responses", "check the path"
            ) from error
    return list(dict.fromkeys(paths))


def _refuse_own_outputs(folder: RunFolder, inputs: Sequence[Path]) -> None:
    """An input that the run itself would write over is never taken, with --force neither."""
    written = {(folder / name).resolve() for name in OUTPUTS}
    for path in inputs:
        if path.resolve() in written:
            raise RunError(f"{path}: got an input that this run would write over; choose another --out.")


def _ingest(options: ScoreOptions, inputs: list[Path], folder: RunFolder, progress: Progress) -> Ingested:
    """Read and check everything; where something is wrong, nothing of it stays and an earlier run is as it was."""
    try:
        return ingest(
            inputs,
            folder.work,
            progress.say,
            format=options.format,
            target=options.target,
            method=options.method,
        )
    except InputError:
        folder.clear_work()
        raise


def _refuse_other_run(folder: RunFolder, identity: dict[str, Any]) -> None:
    """An existing run is gone on with where it is the same one, and replaced only where the user says so."""
    earlier = folder.manifest()
    if earlier is None:
        if foreign := folder.foreign():
            raise RunError(
                f"{folder.path}: got a folder with other files ({', '.join(foreign[:3])}); expected an empty or new "
                "one; choose another --out, or --force to write beside them."
            )
        return
    known = earlier.get("identity", {})
    other = [key for key in identity if identity[key] != known.get(key)]
    if other:
        raise RunError(
            f"{folder.path}: holds a run with other {' and '.join(other)}; choose another --out, or --force to "
            "replace it."
        )


def _judge(
    options: ScoreOptions, folder: RunFolder, panel: Panel, read: Ingested, progress: Progress
) -> tuple[dict[str, JudgeCounts], list[Path]]:
    """Judge part by part into the work folder."""
    progress.start("judging", read.rows * len(panel.all))
    try:
        parts, counts = judge_parts(panel, read.parts, _cache_folder(options, folder) / CACHE_FILE, progress.advance)
    finally:
        progress.finish()
    return counts, parts


def _cache_folder(options: ScoreOptions, folder: RunFolder) -> Path:
    """Without a cache of the user's, verdicts are kept in the run folder until the run is complete."""
    if not options.use_cache:
        return folder.work
    return options.cache or default_cache_folder()
