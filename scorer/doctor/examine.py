"""All checks in the order in which their lines appear. Add a check by adding its function to CHECKS."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from scorer.doctor import disk, gpu, inputs, judge_folder, judges, packages, serving
from scorer.doctor.finding import Finding, guarded
from scorer.doctor.plan import Plan

Check = Callable[[Plan], Iterator[Finding]]
"""Yields nothing where the plan does not need what it looks at."""

CHECKS: tuple[Check, ...] = (
    packages.python_version,
    packages.packages,
    judges.rubric,
    judges.judges,
    judges.encoder,
    judges.heads,
    gpu.gpu,
    judge_folder.judge_config,
    judge_folder.judge_tokenizer,
    judge_folder.judge_chat_template,
    judge_folder.judge_weights,
    gpu.judge_memory,
    serving.vllm_python,
    serving.port,
    serving.judge_url,
    inputs.inputs,
    inputs.images,
    disk.out_folder,
    disk.cache_folder,
    disk.temporary_folder,
)


def examine(plan: Plan) -> Iterator[Finding]:
    """Every finding, as it comes. No error is raised: a check that stops is a finding."""
    for check in CHECKS:
        yield from guarded(check.__name__.replace("_", " "), partial(check, plan))
