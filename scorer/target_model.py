"""The target of a generation: a model folder that we serve or load, or a server that runs already."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scorer.generation.backends import Backend


@dataclass(frozen=True)
class TargetOptions:
    """Which model answers, and how it is run. `target` is a model folder or the URL of a server (http://.../v1)."""

    target: str
    backend: str = "vllm"
    """`vllm` or `transformers`; a URL is always spoken to as vLLM is."""
    name: str | None = None
    """The target's name in the results: the folder's name, or that of the served model, where None."""
    served_name: str | None = None
    """The model's name at the URL, where it serves several."""
    allow_remote: bool = False
    vllm_python: Path | None = None
    """Interpreter of vLLM's environment."""
    vllm_args: tuple[str, ...] = ()
    in_flight: int = 64
    """Requests under way at once (vllm)."""
    timeout: float = 1800.0
    """Seconds for one answer (vllm)."""
    batch: int = 8
    """Items answered at once (transformers)."""
    device: str = "auto"
    """auto, cpu or cuda (transformers)."""
    dtype: str = "auto"
    """auto, float32 or bfloat16 (transformers)."""
    trust_remote_code: bool = False
    """Run code that lies in the model's folder (transformers)."""


@dataclass(frozen=True)
class Target:
    """An open target. `digest` changes with whatever can change an answer: files, versions, arguments."""

    name: str
    digest: str
    backend: Backend


@contextmanager
def open_target(options: TargetOptions, say: Callable[[str], None]) -> Iterator[Target]:
    """The target; it starts or loads with the first item that it is asked, and when the block ends it is gone.

    A server of our own and its GPU memory are free then. Raises ServerError where folder or server cannot be used,
    RunError for options that contradict each other, MissingExtraError where a package of the backend is missing.
    """
    raise NotImplementedError
