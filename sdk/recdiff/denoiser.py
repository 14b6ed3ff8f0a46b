"""The denoiser network: predicts the clean embedding x_0 from (x_t, t).

Letters: B rows, D embedding width, H time-embedding width, T diffusion steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from recdiff.diffusion import Schedule, reverse_walk, time_features
from recdiff.unit import unit

Float32 = NDArray[np.float32]
Activation = Literal["tanh", "silu"]


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


@dataclass(frozen=True)
class FoldedDenoiser:
    """A denoiser whose time embedding is folded into one bias vector per step; dropout off.

    The time embedding is constant within a step, so the first layer's time part and bias add up to ``bias[t]``:
    x_0 = further layers of act(first x_t + bias[t]).

    Attributes:
        first: (H1, D) as (out, in), the first layer's embedding part.
        bias: (T, H1), one bias per step.
        further: (weight (out, in), bias (out,)) of the layers behind; the activation stands between them.
        activation: "tanh" or "silu".
        normalise: whether x_t is divided by its L2 norm first.
        schedule: the steps of the reverse walk.
    """

    first: Float32
    bias: Float32
    further: tuple[tuple[Float32, Float32], ...]
    activation: Activation
    normalise: bool
    schedule: Schedule

    @property
    def width(self) -> int:
        """D, the embedding width."""
        return int(self.first.shape[1])

    @torch.no_grad()
    def denoise(self, x: Float32, block: int = 4096) -> Float32:
        """Return (B, D) denoised rows after all T reverse steps, in blocks that stay in the cache."""
        first, bias = torch.as_tensor(self.first), torch.as_tensor(self.bias)
        further = [(torch.as_tensor(weight), torch.as_tensor(shift)) for weight, shift in self.further]
        act = torch.tanh if self.activation == "tanh" else nn.functional.silu

        def predict(rows: Tensor, t: int) -> Tensor:
            rows = nn.functional.normalize(rows, dim=-1) if self.normalise else rows
            rows = rows @ first.T + bias[t]
            for weight, shift in further:
                rows = act(rows) @ weight.T + shift
            return rows

        out = np.empty_like(x, dtype=np.float32)
        for start in range(0, len(x), block):
            rows = torch.as_tensor(np.ascontiguousarray(x[start : start + block], dtype=np.float32))
            out[start : start + block] = reverse_walk(rows, predict, self.schedule).numpy()
        return out


@torch.no_grad()
def fold(denoiser: Denoiser, schedule: Schedule) -> FoldedDenoiser:
    """Fold ``denoiser``'s time embedding into one bias per step of ``schedule``."""
    bias = denoiser.step_bias(torch.arange(schedule.steps, device=denoiser.first.weight.device))
    weight = denoiser.first.weight[:, : -denoiser.time_width]
    arrays = (weight, bias, denoiser.second.weight, denoiser.second.bias)
    first, folded, second, second_bias = (part.detach().cpu().numpy().copy() for part in arrays)
    return FoldedDenoiser(first, folded, ((second, second_bias),), "tanh", True, schedule)
