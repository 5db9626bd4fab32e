"""The order of the stages: inputs -> responses -> verdicts -> estimates -> report. Nothing else knows it."""

from __future__ import annotations

import platform
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from scorer import __version__
from scorer.assets import file_sha256
from scorer.cache import default_cache_folder
from scorer.errors import CalibrationError, InputError, RunError
from scorer.finish import Correction, ScoredRun, check_correction, check_labels, finish, read_labels
from scorer.ingest import Ingested, ingest
from scorer.judge_stage import Panel, judge_parts
from scorer.judges import Fitted, Judge, JudgeOptions, build_judge, judge_summary
from scorer.judging import JudgeCounts
from scorer.prompting.prompt import most_orders
from scorer.rubrics import Rubric, load_rubric
from scorer.run_folder import (
    MANIFEST,
    OUTPUTS,
    RESPONSES,
    VERDICTS,
    RunFolder,
    write_json,
    write_parts,
)
from scorer.served_model import ServerOptions, open_model

if TYPE_CHECKING:
    from scorer.calibration.saved import SavedCalibration  # scikit-learn comes with it: half a second at the start

READING_JUDGE = "vllm"
"""The judge that can serve any rubric, for it reads what the rubric says."""
CACHE_FILE = "verdicts.sqlite"
"""The cache's name in its folder."""
_PACKAGES = ("numpy", "polars", "scikit-learn", "scipy", "sentence-transformers", "torch", "transformers")


class Progress(Protocol):
    """Where the pipeline says what it is doing."""

    def say(self, line: str) -> None:
        """One line for the user."""

    def start(self, what: str, total: int) -> None:
        """A counted stage begins."""

    def advance(self, count: int) -> None:
        """Some of the counted stage is done."""

    def finish(self) -> None:
        """The counted stage is over."""


@dataclass(frozen=True)
class ScoreOptions:
    """What a user asks `scorer score` to do. `cache` None is the user's cache folder."""

    inputs: tuple[Path, ...]
    out: Path
    rubric: str = "vscbench"
    judges: tuple[str, ...] = ("embedding",)
    format: str = "auto"
    target: str | None = None
    method: str | None = None
    seed: int = 0
    force: bool = False
    cache: Path | None = None
    use_cache: bool = True
    judge_options: JudgeOptions = field(default_factory=JudgeOptions)
    server: ServerOptions = field(default_factory=ServerOptions)
    also: tuple[str, ...] = ()
    """Further rubrics that the served model judges by, in columns of their own."""
    explain: bool = False
    calibration: Path | None = None
    correction: Correction = field(default_factory=Correction)


def score(options: ScoreOptions, progress: Progress) -> ScoredRun:
    """Score all inputs with all judges into one run folder.

    Every row is read and checked before anything is judged. Killed at any moment, the same call goes on where it
    was: verdicts are in the cache (or, without one, in the run folder) as soon as they are there. Raises a
    ScorerError with one clear sentence where something is wrong; files of an earlier run are then intact.
    """
    with open_model(options.server, progress.say) as served:
        judge_options = replace(options.judge_options, served=served, calibration=options.calibration)
        return _score(options, judge_options, progress)


def _score(options: ScoreOptions, judge_options: JudgeOptions, progress: Progress) -> ScoredRun:
    began = time.monotonic()
    rubric = load_rubric(options.rubric)
    panel = _panel(options, judge_options, rubric)
    judges = panel.judges
    check_correction(options.correction)
    labels = read_labels(options.correction, rubric)
    check_labels([_judge_record(j) for j in judges], labels)
    inputs = _readable(options.inputs)
    folder = RunFolder(options.out)
    _refuse_own_outputs(folder, inputs)
    with folder.claimed():
        identity = _identity(options, inputs, panel)
        if options.force:
            folder.clear_work()
        else:
            _refuse_other_run(folder, identity)
        progress.say(f"reading {len(inputs)} input{'s' if len(inputs) > 1 else ''}")
        read = _ingest(options, inputs, folder, progress)
        taught = list(_seen_in_training(judges, read))
        for note in taught:
            read.notes.append(note)
            progress.say(note)
        manifest = _manifest(options, identity, rubric, panel, read) | {"taught_with": taught}
        if not folder.holds_outputs():
            write_json(folder / MANIFEST, manifest | {"state": "running"})
        counts, parts = _judge(options, folder, panel, read, progress)
        if options.force:  # not sooner: until here a fault leaves what is to be replaced
            folder.clear_outputs()
            write_json(folder / MANIFEST, manifest | {"state": "running"})
        write_parts(folder / RESPONSES, read.parts)
        write_parts(folder / VERDICTS, parts)
        manifest |= {
            "state": "complete",
            "counts": {name: dict(c.by_status) for name, c in counts.items()},
            "judged": {name: c.judged for name, c in counts.items()},
            "from_cache": {name: c.from_cache for name, c in counts.items()},
            "wall_seconds": round(time.monotonic() - began, 2),
        }
        progress.say("computing scores and intervals, writing tables and report")
        run = finish(folder, manifest, rubric, options.correction, labels)
        folder.clear_work()
    return run


def _seen_in_training(judges: Sequence[Judge], read: Ingested) -> Iterator[str]:
    """A sentence per judge that was taught with the very responses it is to judge."""
    for judge in judges:
        names = [Path(str(i["path"])).name for i in read.inputs if i["sha256"] in judge.taught_with]
        if names:
            yield (
                f"The judge {judge.name} was taught with the labelled responses of {', '.join(names)}: its agreement "
                "with people on them flatters it. Its held-out numbers stand in its CARD.md."
            )


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


def _panel(options: ScoreOptions, judge_options: JudgeOptions, rubric: Rubric) -> Panel:
    """The judges that the user asks for, and the calibrations that belong to them."""
    for what, names in (("judges", options.judges), ("further rubrics", options.also)):
        if len(set(names)) != len(names):
            raise RunError(f"got {what} {', '.join(names)}; expected each once; remove the repeated one.")
    judges = [build_judge(name, rubric, judge_options) for name in options.judges]
    if options.also and judge_options.served is None:
        raise RunError(
            f"--also {options.also[0]} needs a judge that reads instructions: name its folder with --judge-model, or "
            "its server with --judge-url."
        )
    further = [load_rubric(name) for name in options.also]
    if len({r.name for r in further}) != len(further):
        raise RunError(f"got --also {', '.join(options.also)}, of which two bear one name; rename one in its file.")
    # a rubric of two classes has two orders only: as many as there are, up to what is asked for
    debias = [min(judge_options.debias, most_orders(r)) for r in further]
    also = [
        build_judge(READING_JUDGE, r, replace(judge_options, debias=count))
        for r, count in zip(further, debias, strict=True)
    ]
    return Panel(judges, also, _calibrations(options, judges), options.explain)


def _identity(options: ScoreOptions, inputs: list[Path], panel: Panel) -> dict[str, Any]:
    """What makes a run this run: another set of inputs or options is another run."""
    return {
        "inputs": [{"name": p.name, "sha256": file_sha256(p)} for p in inputs],
        "judges": {j.name: j.fingerprint for j in panel.judges},
        "also": {j.rubric.name: j.fingerprint for j in panel.also},
        "rubric": panel.judges[0].rubric.digest,
        "options": {k: getattr(options, k) for k in ("format", "target", "method", "seed", "explain")},
        "calibrations": {judge: c.digest for judge, c in panel.calibrations.items()},
    }


def _calibrations(options: ScoreOptions, judges: list[Judge]) -> dict[str, SavedCalibration]:
    """The calibrations to apply, each of which belongs to one of the judges."""
    if options.calibration is None:
        return {}
    from scorer.calibration.saved import load_calibrations

    found = load_calibrations(options.calibration)
    mine = {j.name: found[j.name] for j in judges if j.name in found}
    if not mine and not any(isinstance(j, Fitted) for j in judges):
        raise CalibrationError(
            f"{options.calibration}: holds calibrations of {', '.join(found) or 'no single judge'}; expected one of "
            f"{', '.join(j.name for j in judges)}; fit one with `scorer calibrate`."
        )
    for judge in judges:
        if judge.name in mine:
            mine[judge.name].belongs_to(judge.name, judge.fingerprint, judge.rubric.name, judge.rubric.digest)
    return mine


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


def _manifest(
    options: ScoreOptions, identity: dict[str, Any], rubric: Rubric, panel: Panel, read: Ingested
) -> dict[str, Any]:
    """All that the run was made of; counts and times come at its end."""
    return {
        "scorer_version": __version__,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "inputs": read.inputs,
        "rows": read.rows,
        "rubric": _rubric_record(rubric),
        "judges": [_judge_record(j) for j in panel.judges],
        "also": [_judge_record(j) | {"rubric": _rubric_record(j.rubric)} for j in panel.also],
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


def _judge_record(judge: Judge) -> dict[str, Any]:
    record = {"name": judge.name, "summary": judge_summary(judge.name), "fingerprint": judge.fingerprint}
    return record | ({"made_of": judge.made_of()} if isinstance(judge, Fitted) else {})


def _rubric_record(rubric: Rubric) -> dict[str, Any]:
    return asdict(rubric) | {"digest": rubric.digest}
