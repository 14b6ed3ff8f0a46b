"""Adam on one vector: step by step what torch's own AdamW does with its own one-cycle pace."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from recdiff.descent import Descent
from recdiff.scorer.networks import backward


def network(hidden: tuple[int, ...]) -> nn.Sequential:
    torch.manual_seed(0)
    widths = [7, *hidden, 4]
    layers: list[nn.Module] = []
    for start, stop in pairwise(widths):
        layers += [nn.Linear(start, stop), nn.SiLU()]
    return nn.Sequential(*layers[:-1])


def lesson() -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(1)
    return torch.randn(50, 7), torch.randint(0, 4, (50,)), torch.rand(50)


@pytest.mark.parametrize(("decay", "rising", "steps"), [(0.0, 0.3, 40), (0.05, 0.15, 40), (0.01, 0.5, 6)])
def test_every_step_is_that_of_torch(decay: float, rising: float, steps: int) -> None:
    theirs, ours = network((6,)), network((6,))
    optimiser = torch.optim.AdamW(theirs.parameters(), lr=1e-2, weight_decay=decay)
    pace = torch.optim.lr_scheduler.OneCycleLR(optimiser, 1e-2, total_steps=steps, pct_start=rising)
    descent = Descent(ours.parameters(), 1e-2, steps, rising=rising, decay=decay)
    x, y, _ = lesson()
    for step in range(steps):
        optimiser.zero_grad()
        cross_entropy(theirs(x), y).backward()
        cross_entropy(ours(x), y).backward()
        optimiser.step()
        descent.step()
        if step + 1 < steps:
            pace.step()
        for a, b in zip(theirs.parameters(), ours.parameters(), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("hidden", [(), (6,), (6, 5), (6, 5, 3)])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_written_gradient_is_the_recorded_one(hidden: tuple[int, ...], smoothing: float) -> None:
    net, (x, y, w) = network(hidden), lesson()
    (w * cross_entropy(net(x), y, reduction="none", label_smoothing=smoothing)).mean().backward()
    recorded = [each.grad.clone() for each in net.parameters() if each.grad is not None]
    layers = [(each.weight, each.bias) for each in net if isinstance(each, nn.Linear)]
    with torch.no_grad():
        backward(layers, x, y, w, smoothing)
    for layer, expected in zip([each for pair in layers for each in pair], recorded, strict=True):
        torch.testing.assert_close(layer.grad, expected, rtol=1e-5, atol=1e-7)
