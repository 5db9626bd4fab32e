"""Fine-tune the encoder's upper layers by low-rank adapters, together with one linear head per rubric.

All rubrics' examples teach one encoder: an example adds the cross-entropy of every rubric under which it has a class.
The layers below stay as published, so what they make of every example is computed once. One thread and a seed: the same
data gives the same weights on the same processor.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from scorer.embedding.adapter import LowRank, add_low_rank
from scorer.embedding.bert import run_layers
from scorer.embedding.encoder import Batch, Encoder, Tokens, mean_and_first, padded
from scorer.embedding.features import LEXICAL, Floats, read_text
from scorer.embedding.ngrams import Grams
from scorer.training.fit import Linear

TUNED_LAYERS = 3
BATCH = 16
RATE, HEAD_RATE = 7e-4, 1e-3
WARM_UP = 0.06
"""Share of the steps in which the rates rise; afterwards they fall to zero in a line."""
SMOOTHING = 0.05
"""Label smoothing: annotators do not agree on everything either."""
VECTOR_DROPOUT, LEXICAL_DROPOUT = 0.1, 0.3

Ints = NDArray[np.int_]


@dataclass(frozen=True)
class Material:
    """Pairs as the encoder's upper layers meet them: token ids, lower states (float16), lexical features, n-grams."""

    tokens: list[Tokens]
    states: list[torch.Tensor]
    lexical: torch.Tensor
    grams: list[Grams]

    def batch(self, rows: Ints) -> tuple[Batch, torch.Tensor, torch.Tensor]:
        """The pairs in `rows` side by side, their states (n, longest, dimensions) and lexical features."""
        batch = padded([self.tokens[i] for i in rows])
        return batch, nn.utils.rnn.pad_sequence([self.states[i] for i in rows], True).float(), self.lexical[rows]


class Student(nn.Module):
    """The encoder's upper layers with adapters, and a linear head per rubric on [vectors, lexical features]."""

    def __init__(self, encoder: Encoder, classes: Mapping[str, int], seed: int) -> None:
        """`classes` maps a rubric's name to how many classes it has."""
        super().__init__()
        self.generator = generator = torch.Generator().manual_seed(seed)
        count = len(encoder.model.layers)
        upper = copy.deepcopy(encoder.model.layers[-TUNED_LAYERS:]).requires_grad_(False)
        self.layers = nn.ModuleDict({str(count - TUNED_LAYERS + i): layer for i, layer in enumerate(upper)})
        self.adapters: dict[str, LowRank] = add_low_rank(
            {f"encoder.layer.{number}": layer for number, layer in self.layers.items()}, generator
        )
        width = 2 * encoder.dimensions + LEXICAL
        self.heads = nn.ModuleDict({name: _head(width, n, generator) for name, n in classes.items()})

    def forward(self, batch: Batch, states: torch.Tensor, lexical: torch.Tensor) -> torch.Tensor:
        """Feature rows (n, 2 x dimensions + LEXICAL)."""
        vectors = mean_and_first(run_layers(self.layers.values(), states, batch.mask), batch.read)
        return torch.cat([self._dropout(vectors, VECTOR_DROPOUT), self._dropout(lexical, LEXICAL_DROPOUT)], dim=1)

    def _dropout(self, x: torch.Tensor, share: float) -> torch.Tensor:
        """Dropout from this student's own generator, so that students may learn side by side in threads."""
        if not self.training:
            return x
        return x * (torch.rand(x.shape, generator=self.generator) >= share) / (1 - share)


def _head(width: int, classes: int, generator: torch.Generator) -> nn.Linear:
    head = nn.Linear(width, classes)
    nn.init.normal_(head.weight, std=0.02, generator=generator)
    nn.init.zeros_(head.bias)
    return head


def prepare(encoder: Encoder, pairs: Sequence[tuple[str, str]]) -> Material:
    """Compute once what no training changes."""
    texts = [read_text(*pair) for pair in pairs]
    tokens = encoder.tokens([(t.query, [p.text for p in t.pieces]) for t in texts])
    states = [torch.empty(0)] * len(tokens)
    lengths = np.array([len(t.ids) for t in tokens])
    with torch.inference_mode():
        for rows in _chunks(np.argsort(lengths, kind="stable")):
            batch = padded([tokens[i] for i in rows])
            hidden = encoder.model.embeddings(batch.ids, batch.types)
            hidden = run_layers(encoder.model.layers[:-TUNED_LAYERS], hidden, batch.mask)
            for place, row in enumerate(rows):
                states[row] = hidden[place, : lengths[row]].half().clone()
    lexical = torch.from_numpy(np.stack([t.lexical for t in texts]))
    return Material(tokens, states, lexical, [t.grams for t in texts])


def teach(
    student: Student, material: Material, rows: Ints, labels: Mapping[str, Ints], *, epochs: int, rate: float, seed: int
) -> Student:
    """Train on some rows; `labels` maps a rubric to a class number per row of the material, -1 where it has none."""
    rng = np.random.default_rng(seed)
    low = [p for adapter in student.adapters.values() for p in (adapter.a, adapter.b)]
    heads = list(student.heads.parameters())
    optimiser = torch.optim.AdamW([{"params": low, "lr": rate}, {"params": heads, "lr": HEAD_RATE}], weight_decay=0.01)
    steps = epochs * math.ceil(len(rows) / BATCH)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda s: min((s + 1) / (WARM_UP * steps), 1 - s / steps))
    student.train()
    for _ in range(epochs):
        for some in _shuffled(rows, material, rng):
            features = student(*material.batch(some))
            loss = _loss(student, features, {name: numbers[some] for name, numbers in labels.items()})
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_([*low, *heads], 1.0)
            optimiser.step()
            schedule.step()
    return student.eval()


def rows_of(student: Student, material: Material, rows: Ints) -> Floats:
    """Feature rows (n, 2 x dimensions + LEXICAL) that the judge would compute with this adapter."""
    order = rows[np.argsort([len(material.tokens[i].ids) for i in rows], kind="stable")]
    with torch.inference_mode():
        features = np.concatenate([student(*material.batch(some)).numpy() for some in _chunks(order)])
    place = {row: i for i, row in enumerate(order.tolist())}
    result: Floats = features[[place[row] for row in rows.tolist()]]
    return result


def linear_of(student: Student, rubric: str) -> Linear:
    """What a rubric's head makes of feature rows."""
    linear = student.heads[rubric]
    assert isinstance(linear, nn.Linear)
    return Linear(linear.weight.detach().numpy().copy(), linear.bias.detach().numpy().copy())


def _loss(student: Student, features: torch.Tensor, labels: Mapping[str, Ints]) -> torch.Tensor:
    """Cross-entropy under every rubric, over the pairs that have a class there; per pair of the batch."""
    total = features.new_zeros(())
    for name, numbers in labels.items():
        known = torch.from_numpy(numbers >= 0)
        if known.any():
            logits, target = student.heads[name](features[known]), torch.from_numpy(numbers)[known]
            each = functional.cross_entropy(logits, target, label_smoothing=SMOOTHING, reduction="sum")
            total = total + each / len(numbers)
    return total


def _shuffled(rows: Ints, material: Material, rng: np.random.Generator) -> Iterator[Ints]:
    """Batches of pairs of similar length, in random order."""
    lengths = np.array([len(material.tokens[i].ids) for i in rows]) + rng.uniform(0, 12, len(rows))
    batches = list(_chunks(rows[np.argsort(lengths)], BATCH))
    rng.shuffle(batches)
    yield from batches


def _chunks(rows: Ints, size: int = 32) -> Iterator[Ints]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]
