"""What the planned run is: the user's options, and what several checks look at, read once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from scorer.doctor._counting import Counted, count
from scorer.doctor._nvidia import Gpus, ask_gpus

_EMBEDDING = frozenset({"embedding", "cascade", "stack"})
_SERVED = frozenset({"vllm", "cascade", "stack"})


@dataclass(frozen=True)
class Plan:
    """The options of `scorer doctor`; those of the run that is to come, with the same names."""

    inputs: tuple[Path, ...] = ()
    rubric: str = "vscbench"
    judges: tuple[str, ...] = ("embedding",)
    judge_model: Path | None = None
    vllm_python: Path | None = None
    judge_url: str | None = None
    allow_remote: bool = False
    port: int | None = None
    images: Path | None = None
    out: Path | None = None
    cache: Path | None = None
    model: Path | None = None

    @property
    def embeds(self) -> bool:
        """Whether the embedding judge has a part in the run."""
        return not _EMBEDDING.isdisjoint(self.judges)

    @property
    def needs_server(self) -> bool:
        """Whether a judge asks a served model."""
        return not _SERVED.isdisjoint(self.judges)

    @property
    def starts_server(self) -> bool:
        """Whether the run serves a model itself, on this machine."""
        return self.judge_model is not None

    @cached_property
    def counted(self) -> tuple[Counted, ...]:
        """Every input read to its end, each path once."""
        return tuple(count(path) for path in dict.fromkeys(self.inputs))

    @cached_property
    def gpus(self) -> Gpus:
        """What nvidia-smi says."""
        return ask_gpus()
