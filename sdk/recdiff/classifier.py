"""The class network over pair features: which pairs are observed ties, and which kind of non-tie the others are.

Letters: B pairs, N features, C classes.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from recdiff.pairs import Layer
from recdiff.scorer_config import ClassifierConfig

Float32 = NDArray[np.float32]
Int64 = NDArray[np.int64]


def train_classifier(
    inputs: Float32,
    label: Int64,
    weight: Float32,
    classes: int,
    config: ClassifierConfig,
    generator: torch.Generator,
    report: Callable[[int, float], None] | None = None,
) -> tuple[Layer, ...]:
    """Return the layers (W (out, in), b (out,)) fitted to weighted cross-entropy.

    Args:
        inputs: (B, N) standardised features; label: (B,) class numbers; weight: (B,).
    """
    net = _network(inputs.shape[1], classes, config, generator)
    x, y, w = torch.as_tensor(inputs), torch.as_tensor(label), torch.as_tensor(weight / weight.mean())
    batches = max(1, len(x) // config.batch_size)
    epochs = max(config.epochs, -(-config.least_steps // batches))
    optimizer = torch.optim.AdamW(
        net.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
    )
    pace = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, config.learning_rate, total_steps=epochs * batches, pct_start=0.15
    )
    for epoch in range(epochs):
        total = 0.0
        for rows in torch.tensor_split(torch.randperm(len(x), generator=generator), batches):
            # index_select copies whole rows; x[rows] took longer than the network.
            told = nn.functional.cross_entropy(net(x.index_select(0, rows)), y[rows], reduction="none")
            loss = (w[rows] * told).mean()
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            pace.step()
            total += loss.item()
        if report is not None:
            report(epoch, total / batches)
    return tuple(
        (layer.weight.detach().numpy().copy(), layer.bias.detach().numpy().copy())
        for layer in net
        if isinstance(layer, nn.Linear)
    )


def _network(inputs: int, classes: int, config: ClassifierConfig, generator: torch.Generator) -> nn.Sequential:
    widths = [inputs, *config.hidden, classes]
    layers: list[nn.Module] = []
    for start, stop in pairwise(widths):
        layers += [_linear(start, stop, generator), nn.SiLU()]
    return nn.Sequential(*layers[:-1])


def _linear(start: int, stop: int, generator: torch.Generator) -> nn.Linear:
    layer = nn.Linear(start, stop)
    with torch.no_grad():
        drawn: Tensor = 2 * torch.rand(layer.weight.shape, generator=generator) - 1
        layer.weight.copy_(drawn * start**-0.5)
        layer.bias.zero_()
    return layer
