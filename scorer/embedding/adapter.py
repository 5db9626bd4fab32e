"""Low-rank adapters (Hu et al., LoRA, 2021): what fine-tuning changed in the encoder, small enough to ship.

For a linear layer with weight W (out, in) the adapter holds `a` (rank, in) and `b` (out, rank); the adapted weight is
W + SCALE * b @ a. It is added once, when the encoder is loaded, so that judging costs what it costs without one.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from torch import nn

from scorer.errors import JudgeError

RANK = 16
SCALE = 2.0


class LowRank(nn.Module):
    """A frozen linear layer with a trainable low-rank addition that starts at zero."""

    def __init__(self, linear: nn.Linear, generator: torch.Generator) -> None:
        """`generator` draws the start of `a`: normal with variance 1 / in."""
        super().__init__()
        self.linear = linear.requires_grad_(False)
        start = torch.randn(RANK, linear.in_features, generator=generator) / linear.in_features**0.5
        self.a = nn.Parameter(start)
        self.b = nn.Parameter(torch.zeros(linear.out_features, RANK))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(..., in) -> (..., out)."""
        result: torch.Tensor = self.linear(x) + (x @ self.a.T) @ self.b.T * SCALE
        return result


def add_low_rank(layers: Mapping[str, nn.Module], generator: torch.Generator) -> dict[str, LowRank]:
    """Replace every linear layer within `layers` (name -> module) by a LowRank one; returns them by full name."""
    added: dict[str, LowRank] = {}
    for prefix, layer in layers.items():
        for name, module in list(layer.named_modules()):
            if isinstance(module, nn.Linear):
                parent, _, child = name.rpartition(".")
                added[f"{prefix}.{name}"] = low = LowRank(module, generator)
                setattr(layer.get_submodule(parent), child, low)
    return added


def save_adapter(path: Path, added: Mapping[str, LowRank]) -> None:
    """Write `a` and `b` of every adapted layer as float16."""
    pairs = ((f"{name}.{part}", getattr(low, part)) for name, low in added.items() for part in ("a", "b"))
    save_file({name: np.ascontiguousarray(p.detach().numpy().astype(np.float16)) for name, p in pairs}, path)


def merge_adapter(model: nn.Module, path: Path) -> None:
    """Add an adapter file to a model's weights. Raises JudgeError where it cannot be read or does not fit."""
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise JudgeError(f"{path}: the adapter cannot be read ({error}); restore the file.") from error
    for name in sorted({key.rpartition(".")[0] for key in tensors}):
        try:
            weight = model.get_parameter(f"{name}.weight")
            change = torch.from_numpy(tensors[f"{name}.b"].astype(np.float32) @ tensors[f"{name}.a"].astype(np.float32))
            with torch.no_grad():
                weight.add_(SCALE * change)
        except (AttributeError, KeyError, RuntimeError, ValueError) as error:
            raise JudgeError(f"{path}: does not fit the encoder at {name} ({error}); restore the file.") from error
