"""The denoiser network: predicts the clean embedding x_0 from (x_t, t).

Letters: B rows, D embedding width, H time-embedding width, T diffusion steps.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from recdiff.diffusion.folded import FoldedDenoiser
from recdiff.diffusion.schedule import Schedule, time_features
from recdiff.graph.unit_rows import unit


class Denoiser(nn.Module):
    """RecDiff's denoiser: normalise, drop out, join the time embedding, Linear, tanh, Linear.

    x_0 = W2 tanh(W1 [dropout(x_t / |x_t|), Wt time_features(t) + bt] + b1) + b2   (paper, eq. 11).
    """

    def __init__(self, width: int, time_width: int, dropout: float) -> None:
        super().__init__()
        self.time_width = time_width
        self.time = nn.Linear(time_width, time_width)
        self.first = nn.Linear(width + time_width, width)
        self.second = nn.Linear(width, width)
        self.dropout = dropout

    def forward(self, x: Tensor, t: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return the predicted x_0, (B, D), of noised rows (B, D) at steps (B,).

        Dropout is on exactly when a ``generator`` to draw it from is given.
        """
        return self.predict(x, self.step_bias(t), generator)

    def step_bias(self, t: Tensor) -> Tensor:
        """Return what step t adds before the tanh: W1t (Wt time_features(t) + bt) + b1, (B, D).

        W1t is the time part of W1. It depends on nothing else, so a batch needs it once per step.
        """
        time = self.time(time_features(t, self.time_width))
        return torch.addmm(self.first.bias, time, self.first.weight[:, -self.time_width :].T)

    def predict(self, x: Tensor, bias: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return the predicted x_0, (B, D), of noised rows whose steps add ``bias``, (B, D) or (1, D)."""
        rows, scale = unit(x), 1.0
        if generator is not None and self.dropout > 0:
            rows = rows * torch.rand(x.shape, generator=generator, device=x.device).ge_(self.dropout)
            scale = 1.0 / (1.0 - self.dropout)
        hidden = torch.tanh(torch.addmm(bias, rows, self.first.weight[:, : -self.time_width].T, alpha=scale))
        predicted: Tensor = self.second(hidden)
        return predicted


@torch.no_grad()
def fold(denoiser: Denoiser, schedule: Schedule) -> FoldedDenoiser:
    """Fold ``denoiser``'s time embedding into one bias per step of ``schedule``."""
    bias = denoiser.step_bias(torch.arange(schedule.steps, device=denoiser.first.weight.device))
    weight = denoiser.first.weight[:, : -denoiser.time_width]
    arrays = (weight, bias, denoiser.second.weight, denoiser.second.bias)
    first, folded, second, second_bias = (part.detach().cpu().numpy().copy() for part in arrays)
    return FoldedDenoiser(
        first=first, bias=folded, further=((second, second_bias),), activation="tanh", normalise=True, schedule=schedule
    )
