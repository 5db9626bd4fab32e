"""What every step of a run is made of: when any of it changes, the step is to be done again."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from scorer.assets import asset, file_sha256, text_sha256
from scorer.benchmarks import find_benchmark, read_items
from scorer.rubrics import load_rubric
from scorer.run_config import RUN, NamedTarget, RunConfig
from scorer.run_folder import RESPONSES, VERDICTS
from scorer.run_state import Made

FIXED = ("benchmark", "target", "backend", "dtype", "max_new_tokens", "wording", "figstep_prompt", "demonstrations")
"""What answers of one table have in common: where one of these changes they cannot be gone on with."""


def of_benchmark(config: RunConfig) -> Made:
    """The tables' contents; of the images names, sizes and times, for reading thousands takes long."""
    _, benchmark = find_benchmark(config.benchmark)
    root = benchmark.images(config.benchmark)
    images = dict.fromkeys(item.image for item in read_items(benchmark, config.benchmark) if item.image)
    tables = [file for file in benchmark.files(config.benchmark) if file.is_file()]
    return {
        "benchmark": text_sha256(*(file_sha256(table) for table in tables)),
        "images": text_sha256(*(_touched(root / image) for image in images)),
        "allow_missing": config.allow_missing,
    }


def of_drawing(config: RunConfig) -> Made:
    """Benchmark and drawing options."""
    assert config.drawing is not None
    photos = config.drawing.photos
    return of_benchmark(config) | {
        "photos": photos and stamp(photos),
        "figstep_size": config.drawing.figstep_size,
    }


def of_generation(config: RunConfig, benchmark: Made, target: NamedTarget, method: str) -> Made:
    """Benchmark, target and everything that is sent."""
    options = config.generation(target, method)
    return benchmark | {
        "target": _target(target),
        "backend": options.target.backend,
        "dtype": options.target.dtype,
        "channels": list(options.channels),
        "max_new_tokens": options.max_new_tokens,
        "wording": _content(options.wording),
        "figstep_prompt": _content(options.figstep_prompt),
        "demonstrations": _content(options.demonstrations),
    }


def of_score(config: RunConfig) -> Made:
    """The responses, the judges with their models, the rubric and the labels."""
    options = config.score
    judge, server = options.judge_options, options.server
    return {
        "responses": {path.name: file_sha256(path) for path in all_responses(config)},
        "judges": list(options.judges),
        "rubric": load_rubric(options.rubric).digest,
        "also": [load_rubric(name).digest for name in options.also],
        "heads": stamp(judge.model or asset("models")),
        "model": _model(server.model) if server.model else None,
        "server": [server.url, server.name, *server.args],
        "seen": server.images and stamp(server.images),
        "precision": [judge.device, judge.dtype, judge.debias],
        "calibration": options.calibration and stamp(options.calibration),
        "labels": _labels(config) | {k: asdict(options.correction)[k] for k in ("annotator", "estimator")},
        "seed": options.seed,
        "explain": options.explain,
    }


def of_agreement(config: RunConfig) -> Made:
    """The run and the labels."""
    return of_run(config) | {"labels": _labels(config), "seed": config.score.seed}


def of_run(config: RunConfig) -> Made:
    """The run's responses and verdicts."""
    run = config.out / RUN
    return {name: file_sha256(run / name) if (run / name).is_file() else None for name in (RESPONSES, VERDICTS)}


def all_responses(config: RunConfig) -> list[Path]:
    """The tables of all targets and methods, in the config's order."""
    return [config.responses(target, method) for target in config.targets for method in config.methods]


def stamp(path: Path) -> str:
    """Changes with the name, size or time of any file in a folder."""
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    return text_sha256(*(_touched(file) for file in files))


def _touched(path: Path) -> str:
    if not path.is_file():
        return f"{path}: not there"
    stat = path.stat()
    return f"{path}: {stat.st_size} {stat.st_mtime_ns}"


def _content(path: Path | None) -> str | None:
    return None if path is None else file_sha256(path)


def _labels(config: RunConfig) -> Made:
    return {str(path): file_sha256(path) for path in config.references}


def _target(target: NamedTarget) -> str:
    options = target.options
    said = [options.name or "", *options.vllm_args]
    if options.url is not None:
        return text_sha256(options.url, options.served_name or "", *said)
    assert options.folder is not None
    return text_sha256(_model(options.folder), *said)


def _model(folder: Path) -> str:
    from scorer.serving.model_hash import model_sha256

    return model_sha256(folder)
