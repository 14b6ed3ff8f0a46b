"""Adam on flat vectors, for small networks whose steps take no longer than the calls around them.

torch.optim keeps a state per layer, and its first step imports the compiler, which takes seconds. Here all parameters
are views into one vector, so a step is seven operations whatever the layers. The rule is AdamW (Loshchilov and Hutter,
2019) with the one-cycle pace (Smith and Topin, 2018), as torch has them.

Letters: L networks, P parameters of one, S steps.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import cos, pi, sqrt

import torch
from torch import Tensor

FIRST, LAST = 25.0, 1e4
"""By what the highest rate is divided to get the first; by what the first is, to get the last."""
MOMENTUM = (0.85, 0.95)
"""Least momentum, where the rate is highest, and most."""
SECOND = 0.999
EPSILON = 1e-8


@dataclass(frozen=True)
class Pace:
    """One cycle of the learning rate over all steps.

    Attributes:
        rate: the highest one, reached after a part ``rising`` of all ``steps``.
        decay: what a step takes from every parameter, times the rate.
    """

    rate: float
    steps: int
    rising: float = 0.3
    decay: float = 0.0

    def at(self, done: int) -> tuple[float, float]:
        """Return the rate and the momentum of the step that follows ``done`` steps."""
        first, (least, most) = self.rate / FIRST, MOMENTUM
        peak, end = max(self.rising * self.steps - 1.0, 1e-9), self.steps - 1.0
        if done <= peak:
            part = done / peak
            return _between(first, self.rate, part), _between(most, least, part)
        part = (done - peak) / max(end - peak, 1e-9)
        return _between(self.rate, first / LAST, part), _between(least, most, part)

    def factors(self, done: int) -> tuple[float, float, float, float]:
        """Return what the step multiplies parameters by, the weight of the new gradient, sqrt(1 - b2^t), and the scale.

        The parameters go on by scale * mean / (sqrt(square) / sqrt(1 - b2^t) + epsilon).
        """
        rate, momentum = self.at(done)
        root = sqrt(1.0 - SECOND ** (done + 1))
        return 1.0 - rate * self.decay, 1.0 - momentum, root, -rate / (1.0 - momentum ** (done + 1))


class Descent:
    """The parameters' values and gradients, and one step after the other."""

    def __init__(self, parameters: Iterable[Tensor], pace: Pace) -> None:
        """Put ``parameters`` side by side; gradients are added to, or written into, each one's ``grad``, a view."""
        self.values, self.gradient = laid_out(parameters)
        self.mean, self.square = torch.zeros_like(self.values), torch.zeros_like(self.values)
        self.pace, self.done = pace, 0

    def step(self) -> None:
        """Take one step along the gradient, and set the gradient back to zero."""
        keep, fresh, root, scale = self.pace.factors(self.done)
        self.done += 1
        self.values.mul_(keep)
        self.mean.lerp_(self.gradient, fresh)
        self.square.mul_(SECOND).addcmul_(self.gradient, self.gradient, value=1.0 - SECOND)
        self.values.addcdiv_(self.mean, self.square.sqrt().div_(root).add_(EPSILON), value=scale)
        self.gradient.zero_()


class RecordedDescent:
    """The same steps for L networks at once, whose numbers all lie where the parameters do.

    A step depends on nothing that Python knows, so it can be recorded once and replayed. A network whose pace has ended
    rests.
    """

    def __init__(self, values: Tensor, gradient: Tensor, paces: Sequence[Pace]) -> None:
        """Take the parameters (L, P) and their gradients (L, P); there is a pace for each network."""
        self.values, self.gradient = values, gradient
        self.mean, self.square = torch.zeros_like(values), torch.zeros_like(values)
        steps = max(pace.steps for pace in paces)
        rest = (1.0, 0.0, 1.0, 0.0)
        every = [[pace.factors(done) if done < pace.steps else rest for pace in paces] for done in range(steps)]
        # One step more than there are: the last one leaves the number of steps done behind.
        table = torch.tensor([*every, [rest] * len(paces)], dtype=torch.float64)
        self.table = table.to(torch.float32).transpose(1, 2).unsqueeze(-1).contiguous().to(values.device)
        self.done = torch.zeros(1, dtype=torch.int64, device=values.device)

    def step(self) -> None:
        """Take one step along the gradients, and set them back to zero."""
        keep, fresh, root, scale = self.table.index_select(0, self.done)[0]
        self.values.mul_(keep)
        self.mean.lerp_(self.gradient, fresh)
        self.square.mul_(SECOND).addcmul_(self.gradient, self.gradient, value=1.0 - SECOND)
        self.values.add_((self.mean / self.square.sqrt().div_(root).add_(EPSILON)).mul_(scale))
        self.gradient.zero_()
        self.done.add_(1)


def laid_out(parameters: Iterable[Tensor]) -> tuple[Tensor, Tensor]:
    """Return the values (P,) of ``parameters`` and room for their gradients, both of which they become views of."""
    several = list(parameters)
    values = torch.cat([each.detach().reshape(-1) for each in several])
    gradient = torch.zeros_like(values)
    sizes = [each.numel() for each in several]
    for each, value, slope in zip(several, torch.split(values, sizes), torch.split(gradient, sizes), strict=True):
        each.data = value.view(each.shape)
        each.grad = slope.view(each.shape)
    return values, gradient


def _between(start: float, stop: float, part: float) -> float:
    """Return the value at ``part`` of the way from ``start`` to ``stop`` along half a cosine."""
    return stop + (start - stop) / 2.0 * (1.0 + cos(pi * part))
