"""Denoising evidence: the formula, what it finds, and that nothing collapses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch

from recdiff.config.scorer import EvidenceConfig
from recdiff.diffusion.schedule import add_noise
from recdiff.scorer.evidence import (
    NOISE_DRAWS,
    EvidenceColumns,
    denoise,
    evidence_columns,
    folded,
    log_spaced,
    nearest_step,
    noise_blocks,
    train_denoiser,
)

CONFIG = EvidenceConfig(epochs=12, hidden=32, condition_width=8, batch_size=256)
USERS, WIDTH, GROUPS = 240, 8, 6


def rows() -> np.ndarray:
    """(1, U, D) standardised rows: users of a group lie together."""
    rng = np.random.default_rng(0)
    centre = rng.standard_normal((GROUPS, WIDTH)) * 2
    drawn = centre[np.arange(USERS) % GROUPS] + rng.standard_normal((USERS, WIDTH))
    return ((drawn - drawn.mean(axis=0)) / drawn.std(axis=0)).astype(np.float32)[None]


def ties(count: int = 3000) -> np.ndarray:
    rng = np.random.default_rng(1)
    src = rng.integers(0, USERS, count)
    return np.stack([src, (src + GROUPS * rng.integers(1, USERS // GROUPS, count)) % USERS], axis=1)


def trained(config: EvidenceConfig = CONFIG) -> object:
    latents = [torch.as_tensor(rows()[0])]
    return train_denoiser(latents, ties(), np.zeros(3000, np.int64), config, torch.Generator().manual_seed(0))


def columns(net: object, ratios: Sequence[float], seed: int) -> list[EvidenceColumns]:
    latent = torch.as_tensor(rows()[0])
    ((_, noise),) = noise_blocks(latent, seed)
    return evidence_columns(net, latent, noise, ratios)  # type: ignore[arg-type]


def gain(net: object, pairs: np.ndarray, ratio: float) -> np.ndarray:
    (found,) = columns(net, [ratio], 0)
    joint, apart, power = (each.numpy() for each in (found.joint, found.apart, found.power))
    a, b = pairs.T
    both = np.sum(joint[a] * joint[b], axis=1) - np.sum(apart[a] * apart[b], axis=1)
    return 2 * both - power[a, 0] - power[b, 0]


@pytest.fixture(scope="module")
def net() -> object:
    return trained()


def test_the_schedule_reaches_noise() -> None:
    schedule = log_spaced(20, 0.1, 4.0)
    ratio = schedule.noise / schedule.signal
    assert ratio[0] == pytest.approx(0.1)
    assert ratio[-1] == pytest.approx(4.0)
    assert ratio[nearest_step(schedule, 1.0)] == pytest.approx(1.0, rel=0.11)


def test_evidence_is_the_error_that_knowing_the_other_end_removes(net: object) -> None:
    x0 = torch.as_tensor(rows()[0])
    step = nearest_step(net.schedule, 1.0)  # type: ignore[attr-defined]
    t = torch.full((USERS,), step)
    a, b = ties()[:200].T
    generator, drop = torch.Generator().manual_seed(5), torch.zeros(200)
    with torch.no_grad():
        told = net.condition(x0, t) @ net.join  # type: ignore[attr-defined]
        for _ in range(400):
            plain = net(add_noise(x0, torch.randn(x0.shape, generator=generator), t, net.schedule), t)  # type: ignore[operator, attr-defined]
            for x, y in ((a, b), (b, a)):
                error = (x0[x] - plain[x]).square().sum(dim=1)
                drop += (error - (x0[x] - plain[x] - told[y]).square().sum(dim=1)) / 400
    assert np.corrcoef(gain(net, ties()[:200], 1.0), drop.numpy())[0, 1] > 0.98


def test_evidence_tells_ties_from_strangers(net: object) -> None:
    strangers = ties()
    strangers[:, 1] = (strangers[:, 1] + 1) % USERS
    for ratio in CONFIG.levels:
        assert gain(net, ties(), ratio).mean() > 0.5 > gain(net, strangers, ratio).mean()


def test_denoised_rows_do_not_collapse(net: object) -> None:
    clean = denoise(net, torch.as_tensor(rows()[0]), CONFIG)  # type: ignore[arg-type]
    unit = clean / np.linalg.norm(clean, axis=1, keepdims=True)
    assert abs((unit @ unit.T).mean()) < 0.3
    power = np.linalg.svd(clean - clean.mean(axis=0), compute_uv=False) ** 2
    share = power / power.sum()
    assert np.exp(-(share * np.log(share + 1e-12)).sum()) > 2.0


def test_denoising_moves_users_towards_their_group(net: object) -> None:
    before, after = rows()[0], denoise(net, torch.as_tensor(rows()[0]), CONFIG)  # type: ignore[arg-type]

    def spread(x: np.ndarray) -> float:
        centre = np.stack([x[np.arange(USERS) % GROUPS == g].mean(axis=0) for g in range(GROUPS)])
        return float(np.square(x - centre[np.arange(USERS) % GROUPS]).sum() / np.square(x - x.mean(axis=0)).sum())

    assert spread(after) < 0.8 * spread(before)


def test_the_folded_denoiser_walks_the_same_way(net: object) -> None:
    arrays = folded(net, CONFIG)  # type: ignore[arg-type]
    assert arrays is not None
    np.testing.assert_allclose(arrays.denoise(rows()[0]), denoise(net, torch.as_tensor(rows()[0]), CONFIG), atol=1e-4)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["diffusion", "autoencoder", "identity"])
def test_shared_layers_see_what_each_draw_would_give(kind: str) -> None:
    config = EvidenceConfig(denoising=kind, epochs=2, hidden=32, condition_width=8, batch_size=256)  # type: ignore[arg-type]
    net, x0 = trained(config), torch.as_tensor(rows()[0])
    generator = torch.Generator().manual_seed(3)
    noise = [torch.randn(x0.shape, generator=generator) for _ in range(NOISE_DRAWS)]
    with torch.no_grad():
        for ratio, found in zip(config.levels, columns(net, config.levels, 3), strict=True):
            t = torch.full((USERS,), nearest_step(net.schedule, ratio))  # type: ignore[attr-defined]
            seen = [net(add_noise(x0, signed, t, net.schedule), t) for each in noise for signed in (each, -each)]  # type: ignore[operator, attr-defined]
            movement = torch.log((x0 - torch.stack(seen).mean(dim=0)).square().mean(dim=1) + 1e-6)
            np.testing.assert_allclose(found.movement[:, 0], movement, atol=1e-5)


@pytest.mark.parametrize("kind", ["autoencoder", "identity"])
def test_ablations_give_columns_of_the_same_shape(kind: str, net: object) -> None:
    config = EvidenceConfig(denoising=kind, epochs=2, hidden=32, condition_width=8, batch_size=256)  # type: ignore[arg-type]
    (other,), (full,) = (columns(each, [1.0], 0) for each in (trained(config), net))
    assert other.joint.shape == full.joint.shape
    assert other.apart.shape == full.apart.shape
    if kind == "identity":
        assert folded(trained(config), config) is None  # type: ignore[arg-type]


def test_the_same_generator_gives_the_same_columns(net: object) -> None:
    first, second = (columns(each, [1.0], 0)[0].joint for each in (net, trained()))
    assert torch.equal(first, second)
