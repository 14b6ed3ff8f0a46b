"""The class network over pair features: which pairs are observed ties, and which kind of non-tie the others are;
and two more things that it is made to say: log odds that features add directly, and a class like the first.

Letters: B pairs, N features, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
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


@dataclass(frozen=True, eq=False)
class Direct:
    """What inputs x (N,) add to the log odds of every kind: x . ``weights`` + ``constant``."""

    weights: Float32
    constant: float


def widened(layers: tuple[Layer, ...], direct: Direct) -> tuple[Layer, ...]:
    """Return ``layers`` with one class more, whose logit is the first one's, and ``direct`` added to all but the first.

    C outputs become C + 1. SiLU(x) - SiLU(-x) = x, so two hidden units a layer carry a linear part through unchanged.
    """
    *hidden, (last, last_bias) = layers
    last, last_bias = np.concatenate([last, last[:1]]), np.concatenate([last_bias, last_bias[:1]])
    last_bias = last_bias.copy()
    last_bias[1:] += np.float32(direct.constant)
    added = np.ones((len(last), 1), np.float32)
    added[0] = 0.0
    if not hidden:
        return ((last + added * direct.weights, last_bias),)
    if not direct.weights.any():
        return (*hidden, (last, last_bias))
    (first, bias), *further = hidden
    both = np.stack([direct.weights, -direct.weights])
    wide = [(np.concatenate([first, both]), np.concatenate([bias, np.zeros(2, np.float32)]))]
    carry = np.array([[1.0, -1.0], [-1.0, 1.0]], np.float32)
    wide += [(_diagonal(weight, carry), np.concatenate([shift, np.zeros(2, np.float32)])) for weight, shift in further]
    return (*wide, (np.concatenate([last, added, -added], axis=1), last_bias))


def _diagonal(first: Float32, second: Float32) -> Float32:
    """Return the matrix with ``first`` and ``second`` on its diagonal."""
    out = np.zeros((len(first) + len(second), first.shape[1] + second.shape[1]), np.float32)
    out[: len(first), : first.shape[1]], out[len(first) :, first.shape[1] :] = first, second
    return out
