"""The class network over pair features: which pairs are observed edges, and which kind of non-edge the others are.

    a_l = W_l h_(l-1) + b_l,    h_l = a_l sigmoid(a_l),    p = softmax(a_L)

fitted to weighted cross-entropy. The gradient is written out: of steps this small, recording them takes half the time.
Processors learn one network a thread. A card learns those of one configuration at once, their widths filled up with
zeros, whose gradients are zeros.

Letters: B pairs, N features, C classes, L networks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn.functional import pad

from recdiff.arrays import Float32, Int64
from recdiff.config.scorer import ClassifierConfig
from recdiff.learning.batches import counted, cut
from recdiff.learning.descent import Descent, Pace, RecordedDescent
from recdiff.learning.recorded import Repeated
from recdiff.machine.hands import Hands
from recdiff.machine.threads import side_by_side

RISING = 0.15
"""Part of the steps over which the learning rate rises."""
NEVER = -1e9
"""Logit of a class that a network does not have."""
Weights = tuple[Tensor, Tensor]
"""Of one layer: W (out, in) and b (out,)."""
Layers = tuple[tuple[Float32, Float32], ...]


@dataclass(frozen=True, eq=False)
class Lesson:
    """All that a class network is trained on, everything random drawn; learning it makes use of nothing else.

    Attributes:
        layers: their first weights, which training on a processor changes.
        inputs: (B, N) standardised features; label: (B,) class numbers; weight: (B,), 1 in the mean. All lie on the
            device that learns.
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
        inputs: Tensor,
        label: Int64,
        weight: Float32,
        *,
        classes: int,
        config: ClassifierConfig,
        generator: torch.Generator,
    ) -> Lesson:
        """Draw first weights and orders from ``generator``, the rows in ``inputs`` (B, N) weighted by ``weight``."""
        layers = tuple(_first(*sizes, generator) for sizes in pairwise([inputs.shape[1], *config.hidden, classes]))
        epochs, batches = counted(len(inputs), config)
        orders = tuple(torch.randperm(len(inputs), generator=generator, dtype=torch.int32) for _ in range(epochs))
        labels, weights = (torch.as_tensor(each).to(inputs.device) for each in (label, weight / weight.mean()))
        return cls(layers, inputs, labels, weights, orders=orders, batches=batches, config=config)

    @property
    def pace(self) -> Pace:
        """The pace of all steps."""
        config = self.config
        return Pace(config.learning_rate, len(self.orders) * self.batches, RISING, config.weight_decay)


def learn_all(lessons: Sequence[Lesson], hands: Hands | None = None) -> list[Layers]:
    """Return what each lesson leads to: on a card all of one depth at once, on a processor one a thread.

    Args:
        hands: what learns them instead of this process, each by itself, or None.
    """
    if hands is not None:
        # What comes from elsewhere lies in memory that nobody may write to, which torch does not take.
        learned = hands.each(learn, lessons)
        return [tuple((weight.copy(), bias.copy()) for weight, bias in layers) for layers in learned]
    if all(lesson.inputs.device.type == "cpu" for lesson in lessons):
        return side_by_side(learn, lessons)
    return learn_together(lessons)


@torch.no_grad()
def learn(lesson: Lesson) -> Layers:
    """Return the layers (W (out, in), b (out,)) fitted to weighted cross-entropy."""
    config = lesson.config
    descent = Descent((each for layer in lesson.layers for each in layer), lesson.pace)
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


def learn_together(lessons: Sequence[Lesson]) -> list[Layers]:
    """Return what ``learn`` returns of each lesson but for rounding, those of one configuration learned at once."""
    found: dict[int, Layers] = {}
    for config in dict.fromkeys(lesson.config for lesson in lessons):
        chosen = [place for place, lesson in enumerate(lessons) if lesson.config == config]
        found |= zip(chosen, _Class([lessons[place] for place in chosen]).taught(), strict=True)
    return [found[place] for place in range(len(lessons))]


class _Class:
    """L lessons of one configuration, side by side in arrays of L."""

    def __init__(self, lessons: Sequence[Lesson]) -> None:
        self.lessons, self.device = lessons, lessons[0].inputs.device
        self.sizes = [
            (max(each[0].shape[0] for each in layer), max(each[0].shape[1] for each in layer))
            for layer in zip(*(lesson.layers for lesson in lessons), strict=True)
        ]
        self.smoothing = lessons[0].config.smoothing
        flat = [[_filled(layer, size) for layer, size in zip(each.layers, self.sizes, strict=True)] for each in lessons]
        self.values = torch.stack([torch.cat([part for layer in each for part in layer]) for each in flat])
        self.values = self.values.to(self.device)
        self.gradient = torch.zeros_like(self.values)
        self.layers, self.slopes = self._cut(self.values), self._cut(self.gradient)
        self.descent = RecordedDescent(self.values, self.gradient, [lesson.pace for lesson in lessons])
        self._lay_out()

    def _cut(self, flat: Tensor) -> list[Weights]:
        """Return the layers W (L, out, in), b (L, out) that lie in ``flat`` (L, P)."""
        counts = [count for out, into in self.sizes for count in (out * into, out)]
        parts = iter(torch.split(flat, counts, dim=1))
        return [(next(parts).view(-1, out, into), next(parts)) for out, into in self.sizes]

    def _lay_out(self) -> None:
        """Put all rows under one another, and beside them which of them each step takes; unused places take the last.

        The last row weighs nothing.
        """
        lessons, width = self.lessons, self.sizes[0][1]
        nothing = torch.zeros(1, width, device=self.device)
        self.inputs = torch.cat([*(pad(each.inputs, (0, width - each.inputs.shape[1])) for each in lessons), nothing])
        self.label = torch.cat([*(each.label for each in lessons), torch.zeros(1, dtype=torch.int64).to(self.device)])
        self.weight = torch.cat([*(each.weight for each in lessons), torch.zeros(1).to(self.device)])
        starts = [0, *torch.tensor([len(each.inputs) for each in lessons]).cumsum(0).tolist()]
        orders = [torch.stack(each.orders) + start for each, start in zip(lessons, starts, strict=False)]
        steps = [cut(each, lesson.batches).flatten(0, 1) for each, lesson in zip(orders, lessons, strict=True)]
        count, widest = max(len(each) for each in steps), max(each.shape[1] for each in steps)
        rows = torch.full((len(lessons), count, widest), -1, dtype=torch.int32)
        for place, each in enumerate(steps):
            rows[place, : len(each), : each.shape[1]] = each
        held = (rows >= 0).sum(dim=2).clamp(min=1)
        self.rows = rows.masked_fill(rows < 0, starts[-1]).transpose(0, 1).contiguous().to(self.device)
        self.part = (1.0 / held).T.unsqueeze(-1).contiguous().to(self.device)
        own = [each.layers[-1][0].shape[0] for each in lessons]
        there = torch.arange(self.sizes[-1][0]) < torch.tensor(own)[:, None]
        self.never = torch.where(there, 0.0, NEVER)[:, None].to(self.device)
        self.alike = torch.where(there, self.smoothing / torch.tensor(own)[:, None], 0.0)[:, None].to(self.device)

    @torch.no_grad()
    def taught(self) -> list[Layers]:
        """Return the layers of each lesson after all steps."""
        Repeated(self._step, self.device)(len(self.rows))
        learned = [(weight.cpu().numpy(), bias.cpu().numpy()) for weight, bias in self.layers]
        return [
            tuple(
                (weight[place, : own.shape[0], : own.shape[1]].copy(), bias[place, : own.shape[0]].copy())
                for (weight, bias), (own, _) in zip(learned, lesson.layers, strict=True)
            )
            for place, lesson in enumerate(self.lessons)
        ]

    def _step(self) -> None:
        """Make the next step of every lesson; see ``backward``."""
        turn = self.descent.done
        rows = self.rows.index_select(0, turn)[0]
        taken, networks = rows.reshape(-1), len(rows)
        x = self.inputs.index_select(0, taken).view(networks, rows.shape[1], -1)
        y = self.label.index_select(0, taken).view(networks, -1, 1)
        w = self.weight.index_select(0, taken).view(networks, -1) * self.part.index_select(0, turn)[0]
        hidden, gates = [x], []
        for weight, bias in self.layers[:-1]:
            a = torch.baddbmm(bias[:, None], hidden[-1], weight.transpose(1, 2))
            gate = torch.sigmoid(a)
            hidden.append(a * gate)
            gates.append(gate)
        weight, bias = self.layers[-1]
        slope = torch.softmax(torch.baddbmm(bias[:, None] + self.never, hidden[-1], weight.transpose(1, 2)), dim=2)
        slope = slope - self.alike
        slope.scatter_add_(2, y, slope.new_full((1, 1, 1), self.smoothing - 1.0).expand_as(y))
        slope = slope * w.unsqueeze(-1)
        for place in range(len(self.layers) - 1, -1, -1):
            weight, _ = self.layers[place]
            to_weight, to_bias = self.slopes[place]
            to_weight.copy_(torch.bmm(slope.transpose(1, 2), hidden[place]))
            to_bias.copy_(slope.sum(dim=1))
            if place:
                gate = gates[place - 1]
                slope = torch.bmm(slope, weight) * (gate + hidden[place] * (1.0 - gate))
        self.descent.step()


def _filled(layer: Weights, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Return the layer with zeros up to (out, in), as vectors."""
    (weight, bias), (out, into) = layer, size
    wide = pad(weight, (0, into - weight.shape[1], 0, out - weight.shape[0]))
    return wide.reshape(-1), pad(bias, (0, out - len(bias)))


def _first(start: int, stop: int, generator: torch.Generator) -> Weights:
    drawn: Tensor = 2 * torch.rand((stop, start), generator=generator) - 1
    return drawn * start**-0.5, torch.zeros(stop)
