"""A denoiser with its time embedding folded in: what is stored, exported and walked back with.

Letters: B rows, D embedding width, T diffusion steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from recdiff.arrays import Float32
from recdiff.diffusion.schedule import Schedule, reverse_walk

Activation = Literal["tanh", "silu"]


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
