"""Latent diffusion as pure functions: schedules, noising, loss weights and the reverse walk.

Letters: B rows, D embedding width, H time-embedding width, T diffusion steps.
Constants are float64 and every root is taken before the cast to the tensors' own type.

Source: RecDiff (CIKM 2024), sections 3.2 and 3.3; DDPM (Ho et al., 2020) for the posterior.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from recdiff.arrays import Float64
from recdiff.errors import UsageError

BETA_MAX = 0.999
TIME_PERIOD = 10_000.0


@dataclass(frozen=True)
class Schedule:
    """A noise schedule: ``alpha_bar[t]`` is the share of signal variance left at step t, shape (T,)."""

    alpha_bar: Float64
    _moved: dict[tuple[str, torch.dtype, torch.device], Tensor] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        falling = np.all(np.diff(self.alpha_bar) < 0)
        if self.alpha_bar.ndim != 1 or not falling or not (self.alpha_bar[-1] > 0 and self.alpha_bar[0] < 1):
            raise UsageError("alpha_bar must fall strictly within (0, 1); check the diffusion steps and noise scale")

    @property
    def steps(self) -> int:
        """T, the number of diffusion steps."""
        return len(self.alpha_bar)

    @property
    def previous(self) -> Float64:
        """alpha_bar one step earlier, 1 before the first, shape (T,)."""
        return np.concatenate([[1.0], self.alpha_bar[:-1]])

    @property
    def beta(self) -> Float64:
        """Variance added by step t: 1 - alpha_bar[t] / alpha_bar[t-1], shape (T,)."""
        return 1.0 - self.alpha_bar / self.previous

    @property
    def signal(self) -> Float64:
        """sqrt(alpha_bar), the factor of x_0 in x_t, shape (T,)."""
        return np.sqrt(self.alpha_bar)

    @property
    def noise(self) -> Float64:
        """sqrt(1 - alpha_bar), the factor of the noise in x_t, shape (T,)."""
        return np.sqrt(1.0 - self.alpha_bar)

    @property
    def posterior_x0(self) -> Float64:
        """Weight of x_0 in the posterior mean of x_{t-1}, shape (T,); 1 at t = 0."""
        return self.beta * np.sqrt(self.previous) / (1.0 - self.alpha_bar)

    @property
    def posterior_xt(self) -> Float64:
        """Weight of x_t in the posterior mean of x_{t-1}, shape (T,); 0 at t = 0."""
        return (1.0 - self.previous) * np.sqrt(1.0 - self.beta) / (1.0 - self.alpha_bar)

    @property
    def loss_weight(self) -> Float64:
        """SNR(t-1) - SNR(t) with SNR = alpha_bar / (1 - alpha_bar), and 1 at t = 0, shape (T,)."""
        snr = self.alpha_bar / (1.0 - self.alpha_bar)
        return np.concatenate([[1.0], snr[:-1] - snr[1:]])

    def at(self, name: str, t: Tensor, like: Tensor) -> Tensor:
        """Return the constant ``name`` at steps (B,) as a (B, 1) column of the type and device of ``like``.

        It is moved there once: a copy per batch would hold up a card's queue.
        """
        key = (name, like.dtype, like.device)
        if key not in self._moved:
            self._moved[key] = torch.as_tensor(getattr(self, name), dtype=like.dtype, device=like.device)
        return self._moved[key].index_select(0, t).unsqueeze(-1)


def linear_variance(steps: int, scale: float) -> Schedule:
    """Return the published schedule "linear-var".

    The noise variance 1 - alpha_bar rises linearly from ``scale * 1e-4`` to ``scale * 1e-2``; the step
    variance is capped at ``BETA_MAX``.

    Args:
        steps: T, at least 2.
        scale: the noise scale (tau in the paper), in (0, 100).

    Raises:
        UsageError: where no valid schedule comes out.
    """
    if steps < 2 or not 0.0 < scale < 100.0:
        raise UsageError(f"diffusion needs steps >= 2 and 0 < noise scale < 100, not {steps} and {scale}")
    target = 1.0 - np.linspace(scale * 1e-4, scale * 1e-2, steps)
    beta = np.minimum(1.0 - target / np.concatenate([[1.0], target[:-1]]), BETA_MAX)
    return Schedule(np.cumprod(1.0 - beta))


def add_noise(x0: Tensor, noise: Tensor, t: Tensor, schedule: Schedule) -> Tensor:
    """Return x_t = sqrt(abar_t) x_0 + sqrt(1 - abar_t) n.

    Args:
        x0, noise: (B, D).
        t: (B,) int64 steps, 0 .. T-1.
    """
    return schedule.at("signal", t, x0) * x0 + schedule.at("noise", t, x0) * noise


def time_features(t: Tensor, width: int) -> Tensor:
    """Return the sinusoidal embedding [cos(t f), sin(t f)] with f = 10000^(-j / (H/2)), shape (B, H).

    Raises:
        UsageError: where ``width`` is odd or below 2.
    """
    if width < 2 or width % 2:
        raise UsageError(f"the time embedding width must be even and at least 2, not {width}")
    half = width // 2
    frequency = TIME_PERIOD ** (-torch.arange(half, dtype=torch.float64, device=t.device) / half)
    angle = t.to(torch.float32).unsqueeze(-1) * frequency.to(torch.float32)
    return torch.cat([torch.cos(angle), torch.sin(angle)], dim=-1)


def weighted_error(predicted: Tensor, x0: Tensor, t: Tensor, schedule: Schedule) -> Tensor:
    """Return the diffusion loss: the mean over D of (predicted - x_0)^2, times ``loss_weight[t]``, mean over B."""
    error = (predicted - x0).square().mean(dim=-1)
    return (schedule.at("loss_weight", t, x0).squeeze(-1) * error).mean()


def reverse_walk(x: Tensor, denoise: Callable[[Tensor, int], Tensor], schedule: Schedule) -> Tensor:
    """Walk from t = T-1 to 0 along the posterior mean, without sampling noise.

    x_{t-1} = posterior_x0[t] * denoise(x_t, t) + posterior_xt[t] * x_t.

    Args:
        x: (B, D), taken as x_{T-1} as it is (no forward noise).
        denoise: predicts x_0, (B, D), from (x_t, t).
    """
    weights = zip(schedule.posterior_x0, schedule.posterior_xt, strict=True)
    for t, (w_x0, w_xt) in reversed(list(enumerate(weights))):
        x = float(w_x0) * denoise(x, t) + float(w_xt) * x
    return x
