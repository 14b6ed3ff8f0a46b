"""Adam on one flat vector, for small networks whose steps take no longer than the calls around them.

torch.optim keeps a state per layer, and its first step imports the compiler, which takes seconds. Here all parameters
are views into one vector, so a step is seven operations whatever the layers. The rule is AdamW (Loshchilov and Hutter,
2019) with the one-cycle pace (Smith and Topin, 2018), as torch has them.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import cos, pi, sqrt

import torch
from torch import Tensor

FIRST, LAST = 25.0, 1e4
"""By what the highest rate is divided to get the first; by what the first is, to get the last."""
MOMENTUM = (0.85, 0.95)
"""Least momentum, where the rate is highest, and most."""
SECOND = 0.999
EPSILON = 1e-8


class Descent:
    """The parameters' values and gradients, and one step after the other."""

    def __init__(
        self, parameters: Iterable[Tensor], rate: float, steps: int, *, rising: float = 0.3, decay: float = 0.0
    ) -> None:
        """Put ``parameters`` side by side; each one's ``grad`` is a view that gradients are added to or written into.

        Args:
            rate: the highest learning rate, reached after a part ``rising`` of all ``steps``.
            decay: what a step takes from every parameter, times the rate.
        """
        several = list(parameters)
        self.values = torch.cat([each.detach().reshape(-1) for each in several])
        self.gradient, self.mean, self.square = (torch.zeros_like(self.values) for _ in range(3))
        sizes = [each.numel() for each in several]
        for each, value, slope in zip(
            several, torch.split(self.values, sizes), torch.split(self.gradient, sizes), strict=True
        ):
            each.data = value.view(each.shape)
            each.grad = slope.view(each.shape)
        self.rate, self.decay, self.done = rate, decay, 0
        self.peak, self.end = max(rising * steps - 1.0, 1e-9), steps - 1.0

    def step(self) -> None:
        """Take one step along the gradient, and set the gradient back to zero."""
        rate, momentum = self._pace()
        self.done += 1
        self.values.mul_(1.0 - rate * self.decay)
        self.mean.lerp_(self.gradient, 1.0 - momentum)
        self.square.mul_(SECOND).addcmul_(self.gradient, self.gradient, value=1.0 - SECOND)
        spread = self.square.sqrt().div_(sqrt(1.0 - SECOND**self.done)).add_(EPSILON)
        self.values.addcdiv_(self.mean, spread, value=-rate / (1.0 - momentum**self.done))
        self.gradient.zero_()

    def _pace(self) -> tuple[float, float]:
        """Return the rate and the momentum of the next step."""
        first, (least, most) = self.rate / FIRST, MOMENTUM
        if self.done <= self.peak:
            part = self.done / self.peak
            return _between(first, self.rate, part), _between(most, least, part)
        part = (self.done - self.peak) / max(self.end - self.peak, 1e-9)
        return _between(self.rate, first / LAST, part), _between(least, most, part)


def _between(start: float, stop: float, part: float) -> float:
    """Return the value at ``part`` of the way from ``start`` to ``stop`` along half a cosine."""
    return stop + (start - stop) / 2.0 * (1.0 + cos(pi * part))
