"""The parts of a `scorer run` config as the options that the other commands take: targets, judges, labels, drawing."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from scorer.asked import ScoreOptions
from scorer.config_section import Section
from scorer.embedding.device import DEVICES, DTYPES
from scorer.finish import Correction, check_correction
from scorer.judges import JudgeOptions, judge_names
from scorer.rubrics import load_rubric
from scorer.served_model import ServerOptions
from scorer.target_model import BACKENDS, TargetOptions

RUN = "run"
"""The scored run's folder in the output folder."""
_DTYPES = ("auto", "float32", "bfloat16")
_FIGSTEP_SIDES = (760, 512)


@dataclass(frozen=True)
class Drawing:
    """How the text-centric images that can be drawn are drawn."""

    photos: Path | None = None
    figstep_size: int = 760


@dataclass(frozen=True)
class NamedTarget:
    """A target, and its name where file names are made of it."""

    options: TargetOptions
    name: str
    slug: str


def read_targets(top: Section) -> tuple[NamedTarget, ...]:
    """The models that answer. Raises InputError for what is wrong."""
    found = tuple(_target(section) for section in top.sections("targets"))
    if not found:
        raise top.lacks("[[targets]]", "at least one model to answer")
    for slug, count in Counter(t.slug for t in found).items():
        if count > 1:
            raise top.wrong("targets", f"two targets called {slug}", "a name for each", "give them other names")
    return found


def _target(section: Section) -> NamedTarget:
    folder, url, name = section.path("path"), section.text("url"), section.text("name")
    if (folder is None) == (url is None):
        raise section.wrong("path", "both path and url" if url else "neither path nor url", "one of them")
    if url is not None and name is None:
        raise section.lacks("name", "what results call the model at the url")
    words = name or (folder.name if folder else "")
    options = TargetOptions(
        target=url or str(folder),
        backend=section.choice("backend", BACKENDS, "vllm"),
        name=words,
        served_name=section.text("served_name"),
        allow_remote=section.flag("allow_remote"),
        vllm_python=section.path("vllm_python"),
        vllm_args=section.texts("vllm_args"),
        in_flight=section.number("in_flight", 64),
        timeout=float(section.number("timeout", 1800)),
        batch=section.number("batch", 8),
        device=section.choice("device", DEVICES, "auto"),
        dtype=section.choice("dtype", _DTYPES, "auto"),
        trust_remote_code=section.flag("trust_remote_code"),
    )
    section.close()
    if url is not None and not url.startswith(("http://", "https://")):
        raise section.wrong("url", repr(url), "http://... or https://...")
    if url is not None and options.backend != "vllm":
        raise section.wrong("backend", f"{options.backend!r} with a url", "'vllm'", "remove one of them")
    slug = re.sub(r"[^\w.-]+", "_", words).strip("._")
    if not slug:
        raise section.wrong("name", repr(words), "a name with letters or digits in it")
    return NamedTarget(options, words, slug)


def read_drawing(top: Section) -> Drawing | None:
    """How to draw; None where nothing is to be drawn. Raises InputError for what is wrong."""
    if "render" not in top.names():
        return None
    section = top.section("render")
    side = section.number("figstep_size", 760)
    drawing = Drawing(section.path("photos"), side)
    section.close()
    if side not in _FIGSTEP_SIDES:
        raise section.wrong("figstep_size", str(side), " or ".join(map(str, _FIGSTEP_SIDES)))
    return drawing


def read_score(top: Section, out: Path) -> ScoreOptions:
    """The judges, and the labels that correct them. Raises a ScorerError for what is wrong."""
    judge = top.section("judge")
    names = judge.texts("names") or ("embedding",)
    for name in names:
        judge.known("names", name, judge_names())
    options = ScoreOptions(
        inputs=(),
        out=out / RUN,
        rubric=_rubric(judge),
        judges=names,
        seed=top.number("seed", 0, least=0),
        cache=judge.path("cache", there=False),
        use_cache=not judge.flag("no_cache"),
        judge_options=JudgeOptions(
            device=judge.choice("device", DEVICES, "auto"),
            dtype=judge.choice("dtype", DTYPES, "auto"),
            model=judge.path("heads"),
            debias=judge.number("debias", 1),
        ),
        server=ServerOptions(
            model=judge.path("model"),
            url=judge.text("url"),
            name=judge.text("served_name"),
            python=judge.path("vllm_python"),
            args=judge.texts("vllm_args"),
            allow_remote=judge.flag("allow_remote"),
            images=judge.path("images"),
            in_flight=judge.number("in_flight", 256),
            timeout=float(judge.number("timeout", 300)),
        ),
        also=judge.texts("also"),
        explain=judge.flag("explain"),
        calibration=judge.path("calibration"),
        correction=_correction(top),
    )
    judge.close()
    if options.server.model and options.server.url:
        raise judge.wrong("model", "both model and url", "one of them")
    if "vllm" in names and not (options.server.model or options.server.url):
        raise judge.lacks("model", "the folder of the model that the judge vllm asks, or its url")
    return options


def _rubric(judge: Section) -> str:
    """A rubric's name, or the whole path of a user's own; it is loaded to see that it holds together."""
    name = judge.text("rubric") or "vscbench"
    rubric = str(judge.path("rubric")) if name.endswith(".toml") else name
    load_rubric(rubric)
    return rubric


def _correction(top: Section) -> Correction:
    if "reference" not in top.names():
        return Correction()
    section = top.section("reference")
    correction = Correction(section.paths("files"), section.text("annotator"), section.text("estimator"))
    section.close()
    if not correction.references:
        raise section.lacks("files", "labels written by `scorer reference import`")
    check_correction(correction)
    return correction
