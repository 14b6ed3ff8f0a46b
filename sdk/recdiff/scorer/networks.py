"""The class network over pair features: which pairs are observed edges, and which kind of non-edge the others are.

    a_l = W_l h_(l-1) + b_l,    h_l = a_l sigmoid(a_l),    p = softmax(a_L)

fitted to weighted cross-entropy. The gradient is written out: of steps this small, recording them takes half the time.

Letters: B pairs, N features, C classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from recdiff.arrays import Float32, Int64
from recdiff.config.scorer import ClassifierConfig
from recdiff.descent import Descent
from recdiff.scorer.pair_scorer import Layer

RISING = 0.15
"""Part of the steps over which the learning rate rises."""
Weights = tuple[Tensor, Tensor]
"""Of one layer: W (out, in) and b (out,)."""


@dataclass(frozen=True, eq=False)
class Lesson:
    """All that a class network is trained on, everything random drawn; learning it makes use of nothing else.

    Attributes:
        layers: their first weights, which training changes.
        inputs: (B, N) standardised features; label: (B,) class numbers; weight: (B,), 1 in the mean.
        orders: of the rows, one per epoch.
        batches: per epoch.
    """

    layers: tuple[Weights, ...]
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
        layers = tuple(_first(*sizes, generator) for sizes in pairwise([inputs.shape[1], *config.hidden, classes]))
        batches = max(1, len(inputs) // config.batch_size)
        epochs = max(config.epochs, -(-config.least_steps // batches))
        orders = tuple(torch.randperm(len(inputs), generator=generator, dtype=torch.int32) for _ in range(epochs))
        rows = torch.as_tensor(inputs), torch.as_tensor(label), torch.as_tensor(weight / weight.mean())
        return cls(layers, *rows, orders, batches, config)


@torch.no_grad()
def learn(lesson: Lesson) -> tuple[Layer, ...]:
    """Return the layers (W (out, in), b (out,)) fitted to weighted cross-entropy."""
    config, steps = lesson.config, len(lesson.orders) * lesson.batches
    parameters = [each for layer in lesson.layers for each in layer]
    descent = Descent(parameters, config.learning_rate, steps, rising=RISING, decay=config.weight_decay)
    for order in lesson.orders:
        for rows in torch.tensor_split(order, lesson.batches):
            # index_select copies whole rows; x[rows] took longer than the network.
            x, y, w = (each.index_select(0, rows) for each in (lesson.inputs, lesson.label, lesson.weight))
            backward(lesson.layers, x, y, w, config.smoothing)
            descent.step()
    return tuple((weight.numpy().copy(), bias.numpy().copy()) for weight, bias in lesson.layers)


def backward(layers: Sequence[Weights], x: Tensor, y: Tensor, w: Tensor, smoothing: float) -> None:
    """Write the gradient of the mean of w * cross-entropy into the layers' ``grad``.

    Args:
        x: (B, N); y: (B,) class numbers; w: (B,). smoothing: share of a label that all classes have alike.
    """
    hidden, gates = [x], []
    for weight, bias in layers[:-1]:
        a = torch.addmm(bias, hidden[-1], weight.T)
        gate = torch.sigmoid(a)
        hidden.append(a.mul_(gate))
        gates.append(gate)
    weight, bias = layers[-1]
    slope = torch.softmax(torch.addmm(bias, hidden[-1], weight.T), dim=1)
    slope -= smoothing / slope.shape[1]
    slope[torch.arange(len(y)), y] -= 1.0 - smoothing
    slope *= (w / len(w))[:, None]
    for place in range(len(layers) - 1, -1, -1):
        weight, bias = layers[place]
        torch.mm(slope.T, hidden[place], out=weight.grad)
        torch.sum(slope, 0, out=bias.grad)
        if place:
            # The derivative of a s(a) is s(a) + a s(a) (1 - s(a)).
            gate = gates[place - 1]
            slope = (slope @ weight).mul_(gate + hidden[place] * (1.0 - gate))


def _first(start: int, stop: int, generator: torch.Generator) -> Weights:
    drawn: Tensor = 2 * torch.rand((stop, start), generator=generator) - 1
    return drawn * start**-0.5, torch.zeros(stop)
