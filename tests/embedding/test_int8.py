"""Linear layers in 8-bit integers: the rounding by hand, and how little it changes."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from scorer.embedding.int8 import Int8Linear


def linear(weight: list[list[float]], bias: list[float]) -> nn.Linear:
    """A linear layer with these numbers."""
    made = nn.Linear(len(weight[0]), len(weight))
    with torch.no_grad():
        made.weight.copy_(torch.tensor(weight))
        made.bias.copy_(torch.tensor(bias))
    return made


def test_rounding_by_hand() -> None:
    """Weights (2, 0.5) have the scale 2/127: 127 and 31.75 -> 32. The token (1, -3) has 3/127: 42.33 -> 42 and -127.

    The sum 42 * 127 - 127 * 32 = 1270 stands for 1270 * (2/127) * (3/127) = 60/127; exactly it were 0.5.
    """
    layer = Int8Linear(linear([[2, 0.5]], [1]))
    assert layer.weight.tolist() == [[127], [32]]
    assert layer(torch.tensor([[1.0, -3.0]])).item() == pytest.approx(1 + 60 / 127)


def test_layers_side_by_side_are_concatenated_in_order() -> None:
    one, two = linear([[1, 0], [0, 1]], [0, 0]), linear([[1, 1]], [5])
    out = Int8Linear(one, two)(torch.tensor([[[3.0, 4.0]]]))
    assert out.shape == (1, 1, 3)
    assert out.flatten().tolist() == pytest.approx([3, 4, 12], rel=0.01)


def test_a_token_of_zeros_is_no_error_and_leaves_its_neighbours_alone() -> None:
    layer = Int8Linear(linear([[1, 2, 3]], [7]))
    token = torch.tensor([0.5, -1.0, 2.0])
    together = layer(torch.stack([torch.zeros(3), token, 1000 * token]))
    assert together[0].item() == 7
    assert together[1] == layer(token[None])[0]


def test_the_error_is_of_the_size_that_eight_bits_allow() -> None:
    """Uniform rounding errors of weights and tokens, each under 1/254 of the largest: about one percent of the sum."""
    generator = torch.Generator().manual_seed(0)
    exact = nn.Linear(384, 96)
    with torch.no_grad():
        exact.weight.normal_(generator=generator)
    x = torch.randn(50, 384, generator=generator)
    with torch.inference_mode():
        error = (Int8Linear(exact)(x) - exact(x)).norm() / exact(x).norm()
    assert 0.001 < error < 0.02
