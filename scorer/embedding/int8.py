"""The encoder's layers in 8-bit integers, for a processor that multiplies bytes in one instruction (VNNI).

Weights are rounded once per output channel; what goes into a layer is rounded per token, each with its own scale, at
the moment it arrives (dynamic quantisation: Jacob et al., CVPR 2018, section 2; per token as in LLM.int8, Dettmers et
al., NeurIPS 2022, section 2.1), so a token's rounding does not depend on its neighbours in a batch. Sums are exact in
int32; attention, norms and embeddings stay in float32.
"""

from __future__ import annotations

import torch
from torch import nn

from scorer.embedding.bert import Bert, Heads, attend
from scorer.errors import JudgeError

_TOP = 127.0
_TINY = 1e-8
"""Keeps a token that is all zeros from dividing by zero."""


class Int8Linear(nn.Module):
    """Linear layers side by side, which share what they read: (..., in) -> (..., sum of their outs)."""

    def __init__(self, *linears: nn.Linear) -> None:
        super().__init__()
        weight = torch.cat([linear.weight.detach() for linear in linears])
        scale = weight.abs().amax(dim=1, keepdim=True).clamp(min=_TINY) / _TOP
        self.weight = (weight / scale).round().to(torch.int8).T.contiguous()
        self.scale = scale.flatten() / _TOP
        self.bias = torch.cat([linear.bias.detach() for linear in linears])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32 in and out."""
        tokens = x.reshape(-1, x.shape[-1])
        largest = tokens.abs().amax(dim=1, keepdim=True).clamp_(min=_TINY)
        rounded = (tokens * (_TOP / largest)).round_().to(torch.int8)
        out = torch._int_mm(rounded, self.weight).float()
        return torch.addcmul(self.bias, out.mul_(self.scale), largest).view(*x.shape[:-1], -1)


class _Int8Heads(nn.Module):
    """Self-attention whose queries, keys and values are one multiplication."""

    def __init__(self, heads: Heads) -> None:
        super().__init__()
        self.count = heads.count
        self.all = Int8Linear(heads.query, heads.key, heads.value)

    def forward(self, hidden: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
        query, key, value = self.all(hidden).chunk(3, dim=-1)
        return attend(query, key, value, self.count, seen)


def to_int8(model: Bert) -> Bert:
    """Put every linear layer of the model's layers into integers, in place; returns the model.

    Raises JudgeError on a processor whose products of bytes overflow on the way: without VNNI, pairs of them are first
    added up in 16 bits.
    """
    largest = torch.full((32, 384), 127, dtype=torch.int8)
    if int(torch._int_mm(largest, largest.T.contiguous()).min()) != 384 * 127**2:
        raise JudgeError("got --dtype int8, which this processor does not compute exactly; choose float32.")
    for layer in model.layers:
        attention = layer.get_submodule("attention")
        assert isinstance(attention, nn.ModuleDict)
        heads = attention["self"]
        assert isinstance(heads, Heads)
        attention["self"] = _Int8Heads(heads)
        for name, module in list(layer.named_modules()):
            if isinstance(module, nn.Linear):
                parent, _, child = name.rpartition(".")
                setattr(layer.get_submodule(parent), child, Int8Linear(module))
    return model
