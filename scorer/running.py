"""`scorer run`: from a benchmark's images to the report, one step after another, each gone on with where it was."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial

from scorer import run_inputs
from scorer.benchmarks._check import check, write_manifest
from scorer.benchmarks._render import render
from scorer.benchmarks.vscbench import TEXT_SHEET
from scorer.errors import InputError, RunError
from scorer.generating import generate, plan_of
from scorer.pipeline import check_judging, score
from scorer.run_answers import refuse_others, remove_others
from scorer.run_config import NamedTarget, RunConfig
from scorer.run_folder import MANIFEST, REPORT, RESPONSES, SCORES_JSON, VERDICTS
from scorer.run_reports import OVERVIEW, agree_step, compare_step, report_step
from scorer.run_state import RunState, Said
from scorer.run_steps import Doing, RunOptions, Shown, generation_name
from scorer.target_model import Target, open_target

__all__ = ["OVERVIEW", "STEPS", "RunOptions", "Shown", "chosen_steps", "run"]

STEPS = ("render", "check", "generate", "score", "agree", "compare", "report")
"""In this order: what is drawn is checked, and a target is gone, its GPU free, before a judge's model starts."""
CHECKED = "check.json"


def chosen_steps(config: RunConfig, options: RunOptions) -> list[str]:
    """The steps to do, in order. Raises RunError for names that are no step's."""
    for name in (*options.skip, *options.only):
        if name not in STEPS:
            near = difflib.get_close_matches(name, STEPS, n=1, cutoff=0)[0]
            raise RunError(f"got the step {name!r}; expected one of {', '.join(STEPS)}; nearest is {near}.")
    if options.skip and options.only:
        raise RunError("got both --skip and --only; expected one of them; remove the other.")
    if "render" in options.only and config.drawing is None:
        raise RunError(f"{config.path}: got no [render] for the step render; expected one; add it.")
    asked = {
        "render": config.drawing is not None,
        "agree": bool(config.references),
        "compare": len(config.methods) > 1,
    }
    return [
        name
        for name in STEPS
        if asked.get(name, True) and name not in options.skip and (not options.only or name in options.only)
    ]


def run(config: RunConfig, options: RunOptions, shown: Shown) -> int:
    """Do the steps that are not done yet, into `config.out`; the number of items that failed.

    Killed at any moment, the same call goes on where it was: run.json knows which steps are done and from what, and
    every step goes on within itself. Raises a ScorerError with one clear sentence where something is wrong.
    """
    steps = chosen_steps(config, options)
    state = RunState(config.out)
    doing = Doing(config, options, shown, state)
    with state.claimed(config.path, config.sha256):
        if "score" in steps:
            check_judging(config.score)  # a mistake about judges is said now, not after hours of answers
        for name in steps:
            _STEPS[name](doing)
    return _failed(doing) if "generate" in steps else 0


def _failed(doing: Doing) -> int:
    """Items without an answer in the tables of all targets and methods."""
    names = [generation_name(target, method) for target in doing.config.targets for method in doing.config.methods]
    return sum(doing.state.record(name).get("failed", 0) for name in names)


def _render(doing: Doing) -> None:
    drawing, folder = doing.config.drawing, doing.config.benchmark
    assert drawing is not None

    def work() -> Said:
        done = render(folder / TEXT_SHEET, folder, photos=drawing.photos, figstep_side=drawing.figstep_size)
        for fault in done.faults:
            doing.shown.say(fault)
        return Said(f"{sum(done.written.values()):,} images drawn, {sum(done.kept.values()):,} there already")

    doing.step("render", run_inputs.of_drawing(doing.config), (), work)


def _check(doing: Doing) -> None:
    path = doing.config.out / CHECKED

    def work() -> Said:
        report = check(doing.config.benchmark)
        if report.problems and not doing.config.allow_missing:
            first = report.problems[0]
            got = f"{len(report.problems):,} files missing or broken, of them {first.path} ({first.reason})"
            fix = "see `scorer benchmark check`, or say allow_missing = true in the config"
            raise InputError(doing.config.benchmark, got, "every sheet and image", fix)
        write_manifest(path, report)
        words = f"{report.usable:,} of {report.items:,} items usable"
        return Said(f"{words}. {report.meaning}" if report.meaning else words)

    doing.step("check", run_inputs.of_benchmark(doing.config), (path,), work)


def _generate(doing: Doing) -> None:
    benchmark = run_inputs.of_benchmark(doing.config)
    asked = [
        (target, {m: run_inputs.of_generation(doing.config, benchmark, target, m) for m in doing.config.methods})
        for target in doing.config.targets
    ]
    # what is wrong with a later method or target is said before the first one answers
    left = [(t, m, made[m]) for t, made in asked for m in made if not doing.is_done(generation_name(t, m), made[m])]
    for target, method, made_from in left:
        refuse_others(doing.config, doing.state, target, method, made_from, force=doing.options.force)
    for method in dict.fromkeys(method for _, method, _ in left):
        plan_of(doing.config.generation(doing.config.targets[0], method), lambda _: None)
    for target, method, made_from in left:
        remove_others(doing.config, doing.state, target, method, made_from)
    for target, made in asked:
        todo = [m for t, m, _ in left if t is target]
        # one start for all methods; gone, its GPU memory free, when the block ends
        opened: AbstractContextManager[Target | None] = (
            open_target(target.options, doing.shown.say) if todo else nullcontext()
        )
        with opened as model:
            for method, made_from in made.items():
                outputs = (doing.config.responses(target, method),)
                work = partial(_ask, doing, target, method, model)
                doing.step(generation_name(target, method), made_from, outputs, work)


def _ask(doing: Doing, target: NamedTarget, method: str, model: Target | None) -> Said:
    options = replace(doing.config.generation(target, method), retry_failed=doing.options.retry_failed)
    done = generate(options, doing.shown.say, doing.shown.generating, model)
    words = [f"{done.ok:,} responses"]
    words += [f"{done.failed:,} failed ({next(iter(done.reasons))})"] if done.failed else []
    words += [f"{done.cut:,} cut off before their end"] if done.cut else []
    words += [f"{done.left_out:,} left out"] if done.left_out else []
    return Said(", ".join(words), done.failed, done.meaning)


def _score(doing: Doing) -> None:
    tables = run_inputs.all_responses(doing.config)
    if absent := [path for path in tables if not path.is_file()]:
        raise RunError(f"{absent[0]}: no responses there; expected them from the step generate; do that one first.")
    folder = doing.config.score.out

    def work() -> Said:
        force = doing.state.replaces("score") or doing.options.force
        done = score(replace(doing.config.score, inputs=tuple(tables), force=force), doing.shown.scoring)
        return Said(f"{sum(sum(c.values()) for c in done.manifest['counts'].values()):,} verdicts")

    outputs = [folder / name for name in (RESPONSES, VERDICTS, SCORES_JSON, MANIFEST, REPORT)]
    doing.step("score", run_inputs.of_score(doing.config), outputs, work)


_STEPS: dict[str, Callable[[Doing], None]] = {
    "render": _render,
    "check": _check,
    "generate": _generate,
    "score": _score,
    "agree": agree_step,
    "compare": compare_step,
    "report": report_step,
}
