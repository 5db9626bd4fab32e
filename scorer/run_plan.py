"""What `scorer run` would do: steps, items, tokens and hours. Nothing is asked, started or written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from scorer import run_inputs
from scorer.generating import estimate_tokens, plan_of
from scorer.generation.tokens import TokenEstimate
from scorer.pipeline import check_judging
from scorer.run_answers import refuse_others
from scorer.run_config import RunConfig
from scorer.run_state import RunState
from scorer.run_steps import generation_name


@dataclass(frozen=True)
class PlannedStep:
    """A step of a run. `items` None where it has no count; `tokens`, of what is left, None where nobody writes any."""

    name: str
    state: str
    """`done`, `begun` or `to do`."""
    items: int | None = None
    tokens: TokenEstimate | None = None


def plan_run(
    config: RunConfig, steps: Sequence[str], say: Callable[[str], None], *, force: bool = False
) -> list[PlannedStep]:
    """The steps in order, generation by target and method. Raises a ScorerError as the run itself would."""
    state = RunState(config.out)
    if "score" in steps:
        check_judging(config.score)
    planned: list[PlannedStep] = []
    for step in steps:
        if step == "generate":
            planned += _generations(config, state, say, force)
            continue
        before = all(p.state == "done" for p in planned)
        items = sum(p.items or 0 for p in planned) * len(config.score.judges) if step == "score" else None
        done = before and _done(config, state, step)
        begun = any(name.partition(" ")[0] == step for name in state.names())
        planned.append(PlannedStep(step, "done" if done else "begun" if begun else "to do", items or None))
    return planned


def _done(config: RunConfig, state: RunState, step: str) -> bool:
    """Whether a step is done, where those before it are."""
    if step in ("render", "check"):
        made = run_inputs.of_benchmark(config) if step == "check" else run_inputs.of_drawing(config)
        return state.done(step, made)
    if step == "score":
        there = all(path.is_file() for path in run_inputs.all_responses(config))
        return there and state.done(step, run_inputs.of_score(config))
    mine = [name for name in state.names() if name.partition(" ")[0] == step]
    return bool(mine) and all(state.record(name)["state"] == "done" for name in mine)


def _generations(config: RunConfig, state: RunState, say: Callable[[str], None], force: bool) -> list[PlannedStep]:
    benchmark = run_inputs.of_benchmark(config)
    found = []
    for target in config.targets:
        for method in config.methods:
            name = generation_name(target, method)
            made_from = run_inputs.of_generation(config, benchmark, target, method)
            options = config.generation(target, method)
            if state.done(name, made_from):
                found.append(PlannedStep(name, "done", plan_of(options, say).items))
                continue
            anew = refuse_others(config, state, target, method, made_from, force=force)
            tokens = estimate_tokens(replace(options, force=anew), say)
            begun = "begun" if state.record(name) else "to do"
            found.append(PlannedStep(name, begun, tokens.items + tokens.there, tokens))
    return found
