"""Linear layers and dropout whose randomness comes from a generator."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def linear(inputs: int, outputs: int, generator: torch.Generator, bias: bool = True) -> nn.Linear:
    """Return a layer from ``inputs`` to ``outputs`` with Xavier-uniform weights (Glorot & Bengio, 2010), biases 0."""
    layer = nn.Linear(inputs, outputs, bias=bias)
    bound = (6.0 / (inputs + outputs)) ** 0.5
    with torch.no_grad():
        layer.weight.copy_((2.0 * torch.rand(outputs, inputs, generator=generator) - 1.0) * bound)
        if bias:
            layer.bias.zero_()
    return layer


def dropped(rows: Tensor, rate: float, generator: torch.Generator | None) -> Tensor:
    """Return ``rows`` with each entry 0 by chance ``rate`` and the others / (1 - rate); no generator: as they are."""
    if generator is None:
        return rows
    return rows * (torch.rand(rows.shape, generator=generator) >= rate) / (1.0 - rate)
