"""Adam on one vector: step by step what torch's own AdamW does with its own one-cycle pace."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from recdiff.learning.descent import Descent, Pace, RecordedDescent, laid_out
from recdiff.learning.lesson import backward


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
    descent = Descent(ours.parameters(), Pace(1e-2, steps, rising, decay))
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


def test_recorded_steps_are_the_same_and_rest_when_their_pace_has_ended() -> None:
    paces, (x, y, _) = [Pace(1e-2, 6, 0.3, 0.01), Pace(3e-3, 9)], lesson()
    alone = []
    for pace in paces:
        net = network((6,))
        descent = Descent(net.parameters(), pace)
        for _ in range(pace.steps):
            cross_entropy(net(x), y).backward()
            descent.step()
        alone.append(descent.values)
    nets = [network((6,)) for _ in paces]
    values, slopes = zip(*(laid_out(net.parameters()) for net in nets), strict=True)
    together = RecordedDescent(torch.stack(values), torch.zeros(2, len(values[0])), paces)
    for _ in range(9):
        for place, net in enumerate(nets):
            values[place].copy_(together.values[place])
            slopes[place].zero_()
            cross_entropy(net(x), y).backward()
            together.gradient[place].copy_(slopes[place])
        together.step()
    torch.testing.assert_close(together.values, torch.stack(alone), rtol=1e-5, atol=1e-6)
    assert int(together.done) == 9
