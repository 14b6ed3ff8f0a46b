"""The class network over pair features: which pairs are observed ties, and which kind of non-tie the others are.

Letters: B pairs, N features, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from recdiff.arrays import Float32, Int64
from recdiff.config.scorer import ClassifierConfig
from recdiff.scorer.pair_scorer import Layer


@dataclass(frozen=True, eq=False)
class Lesson:
    """All that a class network is trained on, everything random drawn; learning it makes use of nothing else.

    Attributes:
        net: with its first weights; trained in place.
        inputs: (B, N) standardised features; label: (B,) class numbers; weight: (B,), 1 in the mean.
        orders: of the rows, one per epoch.
        batches: per epoch.
    """

    net: nn.Sequential
    inputs: Tensor
    label: Tensor
    weight: Tensor
    orders: tuple[Tensor, ...]
    batches: int
    config: ClassifierConfig

    @classmethod
    def of(
        cls,
        inputs: Float32,
        label: Int64,
        weight: Float32,
        classes: int,
        config: ClassifierConfig,
        generator: torch.Generator,
    ) -> Lesson:
        """Draw first weights and orders from ``generator``, the rows in ``inputs`` (B, N) weighted by ``weight``."""
        net = _network(inputs.shape[1], classes, config, generator)
        batches = max(1, len(inputs) // config.batch_size)
        epochs = max(config.epochs, -(-config.least_steps // batches))
        orders = tuple(torch.randperm(len(inputs), generator=generator, dtype=torch.int32) for _ in range(epochs))
        rows = torch.as_tensor(inputs), torch.as_tensor(label), torch.as_tensor(weight / weight.mean())
        return cls(net, *rows, orders, batches, config)


def learn(lesson: Lesson) -> tuple[Layer, ...]:
    """Return the layers (W (out, in), b (out,)) fitted to weighted cross-entropy."""
    net, config = lesson.net, lesson.config
    optimizer = torch.optim.AdamW(
        net.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
    )
    steps = len(lesson.orders) * lesson.batches
    pace = torch.optim.lr_scheduler.OneCycleLR(optimizer, config.learning_rate, total_steps=steps, pct_start=0.15)
    for order in lesson.orders:
        for rows in torch.tensor_split(order, lesson.batches):
            # index_select copies whole rows; x[rows] took longer than the network.
            x, y, w = (each.index_select(0, rows) for each in (lesson.inputs, lesson.label, lesson.weight))
            loss = (w * cross_entropy(net(x), y, reduction="none", label_smoothing=config.smoothing)).mean()
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            pace.step()
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
