"""Schedules, noising, loss weights and the posterior mean against slow formulas and the published figures."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from recdiff.diffusion.schedule import (
    BETA_MAX,
    Schedule,
    add_noise,
    linear_variance,
    reverse_walk,
    time_features,
    weighted_error,
)
from recdiff.errors import UsageError
from tests import reference
from tests.golden import RUNS, golden

SETTINGS = [(2, 1.0), (20, 1.0), (200, 0.1), (50, 0.1), (7, 60.0)]


@pytest.mark.parametrize(("steps", "scale"), SETTINGS)
def test_schedule_is_the_reference_one(steps: int, scale: float) -> None:
    schedule = linear_variance(steps, scale)
    expected = reference.alpha_bars(steps, scale)
    assert schedule.steps == steps
    np.testing.assert_allclose(schedule.alpha_bar, expected, rtol=1e-12)
    np.testing.assert_allclose(schedule.signal**2 + schedule.noise**2, 1.0, rtol=1e-12)
    np.testing.assert_allclose(np.cumprod(1 - schedule.beta), expected, rtol=1e-12)
    np.testing.assert_allclose(schedule.loss_weight, reference.loss_weights(expected), rtol=1e-12)


@pytest.mark.parametrize(("steps", "scale"), SETTINGS)
def test_posterior_is_the_product_of_two_normal_densities(steps: int, scale: float) -> None:
    schedule = linear_variance(steps, scale)
    alpha_bar = reference.alpha_bars(steps, scale)
    for t in range(1, steps):
        mean, _ = reference.posterior(alpha_bar, t, 0.7, -1.3)
        assert schedule.posterior_x0[t] * 0.7 + schedule.posterior_xt[t] * -1.3 == pytest.approx(mean, rel=1e-9)
    assert (schedule.posterior_x0[0], schedule.posterior_xt[0]) == (1.0, 0.0)


def test_step_variance_is_capped() -> None:
    assert linear_variance(2, 99.8).beta[1] < BETA_MAX
    assert linear_variance(2, 99.9999).beta[1] == pytest.approx(BETA_MAX)


@pytest.mark.parametrize("run", RUNS)
def test_schedules_are_the_published_ones(run: str) -> None:
    schedule = linear_variance(*RUNS[run])
    for name in ("beta", "alpha_bar", "posterior_x0", "posterior_xt"):
        np.testing.assert_allclose(getattr(schedule, name), golden()[f"{run}/{name}"], rtol=1e-5, atol=1e-12)
    np.testing.assert_allclose(schedule.loss_weight, golden()[f"{run}/loss_weight"], rtol=1e-5)


@pytest.mark.parametrize(("steps", "scale"), [(1, 1.0), (0, 1.0), (20, 0.0), (20, -1.0), (20, 100.0)])
def test_impossible_schedules_are_refused(steps: int, scale: float) -> None:
    with pytest.raises(UsageError, match=rf"not {steps} and {scale}"):
        linear_variance(steps, scale)


@pytest.mark.parametrize("values", [[0.5, 0.6], [0.5, 0.5], [1.0, 0.5], [0.5, 0.0], [[0.5, 0.4]]])
def test_a_schedule_must_fall_within_zero_and_one(values: list[float]) -> None:
    with pytest.raises(UsageError, match="alpha_bar must fall strictly"):
        Schedule(np.array(values))


def test_noising_is_the_published_one() -> None:
    data = golden()
    schedule = linear_variance(*RUNS["ciao"])
    x0, noise, t = (torch.as_tensor(data[name]) for name in ("social_embeddings", "noise", "t"))
    noised = add_noise(x0, noise, t, schedule)
    np.testing.assert_allclose(noised.numpy(), data["noised"], atol=1e-5)


def test_noising_has_the_schedules_variance() -> None:
    schedule = linear_variance(20, 50.0)
    t = torch.full((20_000,), 15)
    generator = torch.Generator().manual_seed(0)
    noised = add_noise(torch.full((20_000, 1), 2.0), torch.randn(20_000, 1, generator=generator), t, schedule)
    assert noised.mean().item() == pytest.approx(2 * math.sqrt(schedule.alpha_bar[15]), abs=0.03)
    assert noised.var().item() == pytest.approx(1 - schedule.alpha_bar[15], rel=0.05)


def test_diffusion_loss_is_the_reference_and_the_published_one() -> None:
    data = golden()
    schedule = linear_variance(*RUNS["ciao"])
    predicted, x0, t = (torch.as_tensor(data[name]) for name in ("predicted_x0", "social_embeddings", "t"))
    loss = weighted_error(predicted, x0, t, schedule).item()
    weights = reference.loss_weights(reference.alpha_bars(20, 1.0))
    rows = [
        weights[step] * np.mean((p.astype(float) - x.astype(float)) ** 2)
        for p, x, step in zip(data["predicted_x0"], data["social_embeddings"], data["t"], strict=True)
    ]
    assert loss == pytest.approx(np.mean(rows), rel=1e-5)
    assert loss == pytest.approx(float(data["diffusion_loss"]), rel=1e-5)


def test_values_at_steps_keep_the_tensors_type() -> None:
    like = torch.zeros(3, 4, dtype=torch.float64)
    schedule = Schedule(np.array([0.3, 0.2, 0.1]))
    column = schedule.at("alpha_bar", torch.tensor([2, 0, 1]), like)
    assert column.dtype == torch.float64
    assert column.tolist() == [[0.1], [0.3], [0.2]]
    assert schedule.at("alpha_bar", torch.tensor([0]), like.float()).dtype == torch.float32


@pytest.mark.parametrize("width", [2, 16, 30])
def test_time_features_are_the_reference_ones(width: int) -> None:
    steps = torch.tensor([0, 1, 7, 199])
    expected = np.stack([reference.time_features(int(t), width) for t in steps])
    np.testing.assert_allclose(time_features(steps, width).numpy(), expected, atol=2e-5)


@pytest.mark.parametrize("width", [0, 1, 15])
def test_odd_time_features_are_refused(width: int) -> None:
    with pytest.raises(UsageError, match=f"even and at least 2, not {width}"):
        time_features(torch.tensor([0]), width)


def test_the_reverse_walk_takes_every_step_once_and_ends_at_the_prediction() -> None:
    schedule = linear_variance(5, 1.0)
    seen: list[int] = []

    def predict(x: torch.Tensor, t: int) -> torch.Tensor:
        seen.append(t)
        return torch.full_like(x, float(t))

    x = torch.full((2, 3), 9.0)
    assert torch.equal(reverse_walk(x, predict, schedule), torch.zeros(2, 3))
    assert seen == [4, 3, 2, 1, 0]


def test_the_reverse_walk_follows_the_posterior_mean() -> None:
    schedule, alpha_bar = linear_variance(6, 40.0), reference.alpha_bars(6, 40.0)
    visited: list[float] = []

    def predict(x: torch.Tensor, t: int) -> torch.Tensor:
        visited.append(x.item())
        return torch.cos(x) + t

    reverse_walk(torch.tensor([[0.4]], dtype=torch.float64), predict, schedule)
    expected = [0.4]
    for t in range(5, 0, -1):
        expected.append(reference.posterior(alpha_bar, t, math.cos(expected[-1]) + t, expected[-1])[0])
    np.testing.assert_allclose(visited, expected, rtol=1e-9)
