"""BERT's forward pass (Devlin et al., NAACL 2019, section 3), for all-MiniLM-L6-v2 from its published file.

Written out on torch alone, because importing transformers for these layers takes longer than judging a hundred
responses. Parameters have their published names; a test holds the states against sentence-transformers'.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional


@dataclass(frozen=True)
class Shape:
    """The sizes in a model's config.json."""

    vocab_size: int
    max_position_embeddings: int
    type_vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    layer_norm_eps: float


class _Embeddings(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(shape.vocab_size, shape.hidden_size)
        self.position_embeddings = nn.Embedding(shape.max_position_embeddings, shape.hidden_size)
        self.token_type_embeddings = nn.Embedding(shape.type_vocab_size, shape.hidden_size)
        self.LayerNorm = nn.LayerNorm(shape.hidden_size, shape.layer_norm_eps)

    def forward(self, ids: torch.Tensor, types: torch.Tensor) -> torch.Tensor:
        places = torch.arange(ids.shape[1], device=ids.device)
        words = self.word_embeddings(ids) + self.token_type_embeddings(types) + self.position_embeddings(places)
        result: torch.Tensor = self.LayerNorm(words)
        return result


class Heads(nn.Module):
    """Self-attention."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.count = shape.num_attention_heads
        self.query, self.key, self.value = (nn.Linear(shape.hidden_size, shape.hidden_size) for _ in range(3))

    def forward(self, hidden: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
        return attend(self.query(hidden), self.key(hidden), self.value(hidden), self.count, seen)


def attend(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, heads: int, seen: torch.Tensor) -> torch.Tensor:
    """Each (n, tokens, dimensions) -> what every token gathers, the same shape; `seen` (n, 1, 1, tokens)."""
    rows, tokens, width = query.shape
    q, k, v = (part.view(rows, tokens, heads, width // heads).transpose(1, 2) for part in (query, key, value))
    mixed = functional.scaled_dot_product_attention(q, k, v, attn_mask=seen)
    return mixed.transpose(1, 2).reshape(rows, tokens, width)


class _AddAndNorm(nn.Module):
    def __init__(self, width: int, shape: Shape) -> None:
        super().__init__()
        self.dense = nn.Linear(width, shape.hidden_size)
        self.LayerNorm = nn.LayerNorm(shape.hidden_size, shape.layer_norm_eps)

    def forward(self, inner: torch.Tensor, before: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.LayerNorm(self.dense(inner) + before)
        return result


class Layer(nn.Module):
    """Attention and a feed-forward network, each added to what came in and normalised."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.attention = nn.ModuleDict({"self": Heads(shape), "output": _AddAndNorm(shape.hidden_size, shape)})
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(shape.hidden_size, shape.intermediate_size)})
        self.output = _AddAndNorm(shape.intermediate_size, shape)

    def forward(self, hidden: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
        """States (n, tokens, dimensions) -> the same; `seen` (n, 1, 1, tokens) is False for padding."""
        hidden = self.attention["output"](self.attention["self"](hidden, seen), hidden)
        result: torch.Tensor = self.output(functional.gelu(self.intermediate["dense"](hidden)), hidden)
        return result


class Bert(nn.Module):
    """Token ids -> states of the last layer."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.embeddings = _Embeddings(shape)
        layers = nn.ModuleList(Layer(shape) for _ in range(shape.num_hidden_layers))
        self.encoder = nn.ModuleDict({"layer": layers})

    @property
    def layers(self) -> nn.ModuleList:
        """Lowest first."""
        layers = self.encoder["layer"]
        assert isinstance(layers, nn.ModuleList)
        return layers

    def forward(self, ids: torch.Tensor, mask: torch.Tensor, types: torch.Tensor) -> torch.Tensor:
        """All (n, tokens): token ids, 1 for what is no padding, token types -> states (n, tokens, dimensions)."""
        return run_layers(self.layers, self.embeddings(ids, types), mask)


def run_layers(layers: Iterable[nn.Module], hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """States (n, tokens, dimensions) through some layers; `mask` (n, tokens) is 1 for what is no padding."""
    seen = mask[:, None, None, :].bool()
    for layer in layers:
        hidden = layer(hidden, seen)
    return hidden


def load_bert(folder: Path) -> Bert:
    """The model of a folder with config.json and model.safetensors. Raises OSError, KeyError, ValueError, RuntimeError
    or SafetensorError where they cannot be read or do not fit."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    with torch.device("meta"):
        model = Bert(Shape(**{name: config[name] for name in Shape.__dataclass_fields__}))
    tensors = load_file(folder / "model.safetensors")
    model.load_state_dict({name: tensors[name] for name in model.state_dict()}, assign=True)
    return model
