"""The denoiser network: predicts the clean embedding x_0 from (x_t, t).

Letters: B rows, D embedding width, H time-embedding width, T diffusion steps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from recdiff.diffusion import Schedule, reverse_walk, time_features

Float32 = NDArray[np.float32]


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
        unit = nn.functional.normalize(x, dim=-1)
        if generator is not None and self.dropout > 0:
            kept = torch.rand(unit.shape, generator=generator, device=unit.device) >= self.dropout
            unit = unit * kept / (1.0 - self.dropout)
        time = self.time(time_features(t, self.time_width))
        hidden = torch.tanh(self.first(torch.cat([unit, time], dim=-1)))
        predicted: Tensor = self.second(hidden)
        return predicted


@dataclass(frozen=True)
class FoldedDenoiser:
    """A denoiser whose time embedding is folded into one bias vector per step; dropout off.

    The time embedding is constant within a step, so W1's time part and both biases add up to ``bias[t]``.

    Attributes:
        first: (D, D) as (out, in), W1's embedding part.
        bias: (T, D), one bias per step.
        second: (D, D), W2.
        second_bias: (D,), b2.
        schedule: the steps of the reverse walk.
    """

    first: Float32
    bias: Float32
    second: Float32
    second_bias: Float32
    schedule: Schedule

    @torch.no_grad()
    def denoise(self, x: Float32, block: int = 4096) -> Float32:
        """Return (B, D) denoised rows after all T reverse steps, in blocks that stay in the cache."""
        first, bias, second, second_bias = (
            torch.as_tensor(part) for part in (self.first, self.bias, self.second, self.second_bias)
        )

        def predict(rows: Tensor, t: int) -> Tensor:
            unit = nn.functional.normalize(rows, dim=-1)
            return torch.tanh(unit @ first.T + bias[t]) @ second.T + second_bias

        out = np.empty_like(x, dtype=np.float32)
        for start in range(0, len(x), block):
            rows = torch.as_tensor(np.ascontiguousarray(x[start : start + block], dtype=np.float32))
            out[start : start + block] = reverse_walk(rows, predict, self.schedule).numpy()
        return out


@torch.no_grad()
def fold(denoiser: Denoiser, schedule: Schedule) -> FoldedDenoiser:
    """Fold ``denoiser``'s time embedding into one bias per step of ``schedule``."""
    width = denoiser.second.in_features
    steps = torch.arange(schedule.steps, device=denoiser.first.weight.device)
    time = denoiser.time(time_features(steps, denoiser.time_width))
    weight = denoiser.first.weight
    bias = time @ weight[:, width:].T + denoiser.first.bias
    arrays = (weight[:, :width], bias, denoiser.second.weight, denoiser.second.bias)
    first, folded, second, second_bias = (part.detach().cpu().numpy().copy() for part in arrays)
    return FoldedDenoiser(first, folded, second, second_bias, schedule)
