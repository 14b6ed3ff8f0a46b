"""A folded denoiser walks back as its equations say, whatever the block."""

from __future__ import annotations

import numpy as np
import pytest

from recdiff.diffusion.folded import Activation, FoldedDenoiser
from recdiff.diffusion.schedule import linear_variance

WIDTH, HIDDEN, STEPS = 4, 6, 3


def denoiser(activation: Activation, normalise: bool) -> FoldedDenoiser:
    rng = np.random.default_rng(0)
    first, bias = (rng.standard_normal(shape).astype(np.float32) for shape in ((HIDDEN, WIDTH), (STEPS, HIDDEN)))
    further = tuple(
        (rng.standard_normal(shape).astype(np.float32), rng.standard_normal(shape[0]).astype(np.float32))
        for shape in ((HIDDEN, HIDDEN), (WIDTH, HIDDEN))
    )
    schedule = linear_variance(STEPS, 1.0)
    return FoldedDenoiser(first, bias, further, activation=activation, normalise=normalise, schedule=schedule)


def by_hand(net: FoldedDenoiser, x: np.ndarray) -> np.ndarray:
    x = x.astype(np.float64)
    for t in reversed(range(STEPS)):
        rows = x / np.linalg.norm(x, axis=1, keepdims=True) if net.normalise else x
        hidden = rows @ net.first.T + net.bias[t]
        for weight, shift in net.further:
            active = np.tanh(hidden) if net.activation == "tanh" else hidden / (1.0 + np.exp(-hidden))
            hidden = active @ weight.T + shift
        x = net.schedule.posterior_x0[t] * hidden + net.schedule.posterior_xt[t] * x
    return x


@pytest.mark.parametrize(("activation", "normalise"), [("tanh", True), ("silu", False)])
def test_the_walk_is_that_of_the_equations(activation: Activation, normalise: bool) -> None:
    net, x = denoiser(activation, normalise), np.random.default_rng(1).standard_normal((10, WIDTH)).astype(np.float32)
    assert net.width == WIDTH
    np.testing.assert_allclose(net.denoise(x), by_hand(net, x), rtol=1e-4, atol=1e-5)


def test_blocks_change_nothing() -> None:
    net, x = denoiser("tanh", True), np.random.default_rng(2).standard_normal((10, WIDTH)).astype(np.float32)
    np.testing.assert_allclose(net.denoise(x, block=3), net.denoise(x), rtol=1e-5, atol=1e-6)
    assert net.denoise(x[:0]).shape == (0, WIDTH)
