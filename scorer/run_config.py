"""What a user asks `scorer run` to do: a TOML file, read and checked as a whole before anything starts.

Paths start from the file's own folder. README and examples/tiny.toml show all that may stand in it.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from scorer.asked import ScoreOptions
from scorer.assets import file_sha256
from scorer.config_parts import RUN, Drawing, NamedTarget, read_drawing, read_score, read_targets
from scorer.config_section import Section
from scorer.errors import InputError, RunError
from scorer.generate_options import GenerateOptions
from scorer.generation.methods import find_method, method_names

__all__ = ["RUN", "Drawing", "NamedTarget", "RunConfig", "read_config"]


@dataclass(frozen=True)
class RunConfig:
    """A checked config; every path is whole."""

    path: Path
    sha256: str
    benchmark: Path
    out: Path
    targets: tuple[NamedTarget, ...]
    methods: tuple[str, ...]
    score: ScoreOptions
    """Without its inputs, which are the responses."""
    channels: tuple[str, ...] = ()
    demonstrations: Path | None = None
    figstep_prompt: Path | None = None
    wordings: dict[str, Path] = field(default_factory=dict)
    max_new_tokens: int = 4096
    allow_missing: bool = False
    drawing: Drawing | None = None

    @property
    def references(self) -> tuple[Path, ...]:
        """Files of reference labels; empty without any."""
        return self.score.correction.references

    def responses(self, target: NamedTarget, method: str) -> Path:
        """The table of a target's responses by a method."""
        return self.out / "responses" / f"{target.slug}-{method}.jsonl"

    def generation(self, target: NamedTarget, method: str) -> GenerateOptions:
        """What `generate` is asked for a target and a method."""
        return GenerateOptions(
            benchmark=self.benchmark,
            out=self.responses(target, method),
            target=target.options,
            method=method,
            channels=self.channels,
            max_new_tokens=self.max_new_tokens,
            wording=self.wordings.get(method),
            figstep_prompt=self.figstep_prompt,
            demonstrations=self.demonstrations if find_method(method).SHOTS else None,
            allow_missing=self.allow_missing,
        )


def read_config(path: Path) -> RunConfig:
    """Read and check a config. Raises a ScorerError, one sentence with the file's name, for whatever is wrong in it."""
    try:
        top = Section(path, "", tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise InputError(path, error.strerror or "no readable file", "a config in TOML", "check the path") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(path, f"no valid TOML ({error})", "a config in TOML", "mend the line") from error
    out = top.path("out", there=False)
    if out is None:
        raise top.lacks("out", "the folder to write to")
    benchmark = top.path("benchmark")
    if benchmark is None:
        raise top.lacks("benchmark", "VSCBench's folder or a table of your own")
    config = RunConfig(
        path=path,
        sha256=file_sha256(path),
        benchmark=benchmark,
        out=out,
        targets=read_targets(top),
        methods=_methods(top),
        score=read_score(top, out),
        channels=top.texts("channels"),
        demonstrations=top.path("demonstrations"),
        figstep_prompt=top.path("figstep_prompt"),
        wordings=_wordings(top),
        max_new_tokens=top.number("max_new_tokens", 4096),
        allow_missing=top.flag("allow_missing"),
        drawing=read_drawing(top),
    )
    top.close()
    _check_shots(top, config)
    if config.drawing is not None and not benchmark.is_dir():
        fix = "remove [render]"
        raise top.wrong("render", f"a benchmark that is a table ({benchmark.name})", "VSCBench's folder", fix)
    return config


def _methods(top: Section) -> tuple[str, ...]:
    methods = top.texts("methods") or ("plain",)
    for method in methods:
        top.known("methods", method, method_names())
    if len(set(methods)) < len(methods):
        raise top.wrong("methods", "one of them twice", "each once", "remove the repeated one")
    return methods


def _wordings(top: Section) -> dict[str, Path]:
    section = top.section("wordings")
    for method in section.names():
        section.known("wordings", method, method_names())
    return {method: path for method in section.names() if (path := section.path(method)) is not None}


def _check_shots(top: Section, config: RunConfig) -> None:
    with_shots = [method for method in config.methods if find_method(method).SHOTS]
    if with_shots and config.demonstrations is None:
        raise top.lacks("demonstrations", f"a table of shots for the method {with_shots[0]}")
    if config.demonstrations is not None and not with_shots:
        raise top.wrong("demonstrations", "a table that none of the methods uses", "it with one_shot or two_shot")
    if unused := sorted(set(config.wordings) - set(config.methods)):
        raise top.wrong("wordings", f"one for {unused[0]}, which is not among the methods", "methods that are")
    if config.out.exists() and not config.out.is_dir():
        raise RunError(f"{config.out}: got a file; expected a folder or a new name; choose another `out`.")
