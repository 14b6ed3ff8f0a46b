"""The published model's losses and embeddings: against the published figures, the slow loop, and its ablations."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from recdiff.config import PaperConfig
from recdiff.paper.denoiser import fold
from recdiff.paper.encoder import Graphs
from recdiff.paper.network import PaperModel, bpr_loss, norm_penalty
from recdiff.studies.lab.unoptimised import PlainModel
from tests import reference
from tests.golden import golden


def test_losses_of_a_batch_are_the_published_ones() -> None:
    data = golden()
    rows = data["interaction_embeddings"]
    user = rows[data["batch_users"]] + data["predicted_x0"][data["batch_users"]]
    positive, negative = rows[24 + data["batch_positives"]], rows[24 + data["batch_negatives"]]
    parts = [torch.as_tensor(part) for part in (user, positive, negative)]
    assert bpr_loss(*parts).item() == pytest.approx(float(data["bpr_loss"]), rel=1e-5)
    assert norm_penalty(1e-2, 8, *parts).item() == pytest.approx(float(data["reg_loss"]), rel=1e-5)


def test_ranking_loss_and_norms_are_the_reference_ones() -> None:
    rng = np.random.default_rng(0)
    parts = [rng.normal(size=(6, 4)).astype(np.float32) for _ in range(3)]
    tensors = [torch.as_tensor(part) for part in parts]
    assert bpr_loss(*tensors).item() == pytest.approx(reference.bpr(*parts), rel=1e-5)
    assert norm_penalty(0.3, 6, *tensors).item() == pytest.approx(0.3 * reference.squared_norms(*parts), rel=1e-5)


def test_ranking_loss_is_finite_for_hopeless_pairs() -> None:
    user, far = torch.full((1, 1), 100.0), torch.full((1, 1), 100.0)
    assert bpr_loss(user, -far, far).item() == pytest.approx(20_000)
    assert bpr_loss(user, far, -far).item() == 0.0


SETTINGS = PaperConfig(width=8, time_width=4, steps=6, noise_scale=20.0, dropout=0.0, regularisation=0.1)


def small_data(users: int = 17, items: int = 40) -> tuple[sp.csr_matrix, sp.csr_matrix]:
    rng = np.random.default_rng(0)
    train = sp.csr_matrix((rng.random((users, items)) < 0.15).astype(np.float32))
    upper = np.triu(rng.random((users, users)) < 0.2, 1)
    return train, sp.csr_matrix((upper | upper.T).astype(np.float32))


def both_models(config: PaperConfig) -> tuple[PaperModel, Graphs, PlainModel]:
    """Return our model and the slow one with the same weights on the same data."""
    train, social = small_data()
    ours = PaperModel(config, *train.shape, torch.Generator().manual_seed(1))
    naive = PlainModel(config, train, social)
    state = ours.state_dict()
    names = {"encoder.users": "user_table", "encoder.items": "item_table"}
    with torch.no_grad():
        for bias in (naive.time.bias, naive.first.bias, naive.second.bias):
            bias.zero_()
        for name, tensor in state.items():
            plain = names.get(name, name.removeprefix("encoder.").removeprefix("denoiser."))
            naive.get_parameter(plain).copy_(tensor)
    return ours, Graphs.of(train, social), naive


def batch() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(2)
    return tuple(torch.randint(high, (30,), generator=generator) for high in (17, 40, 40))  # type: ignore[return-value]


class Draws:
    """Hands both models the same steps and noise."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        generator = torch.Generator().manual_seed(3)
        t, noise = torch.randint(6, (30,), generator=generator), torch.randn(30, 8, generator=generator)
        monkeypatch.setattr(torch, "randint", lambda *_, **__: t)
        monkeypatch.setattr(torch, "randn", lambda *_, **__: noise)
        monkeypatch.setattr(torch, "randn_like", lambda *_: noise)


def test_losses_and_gradients_are_those_of_the_slow_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, graphs, naive = both_models(SETTINGS)
    users, positives, negatives = batch()
    Draws(monkeypatch)
    losses = ours.losses(graphs, users, positives, negatives, torch.Generator())
    slow = naive.losses(users, positives, negatives)
    for fast, expected in zip(losses, slow, strict=True):
        torch.testing.assert_close(fast, expected, rtol=1e-5, atol=1e-6)
    losses.total.backward()  # type: ignore[no-untyped-call]
    torch.stack(slow).sum().backward()  # type: ignore[no-untyped-call]
    torch.testing.assert_close(ours.encoder.users.grad, naive.user_table.grad, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(ours.encoder.items.grad, naive.item_table.grad, rtol=1e-4, atol=1e-5)
    for name in ("user_weights", "item_weights", "social_weights"):
        for fast_weight, weight in zip(getattr(ours.encoder, name), getattr(naive, name), strict=True):
            torch.testing.assert_close(fast_weight.grad, weight.grad, rtol=1e-4, atol=1e-5)
    for name in ("time", "first", "second"):
        fast_layer, layer = getattr(ours.denoiser, name), getattr(naive, name)
        torch.testing.assert_close(fast_layer.weight.grad, layer.weight.grad, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(fast_layer.bias.grad, layer.bias.grad, rtol=1e-4, atol=1e-5)


def test_embeddings_are_those_of_the_slow_loop() -> None:
    ours, graphs, naive = both_models(SETTINGS)
    user, item, _ = ours.embeddings(graphs)
    slow_user, slow_item = naive.embeddings()
    torch.testing.assert_close(user, slow_user, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(item, slow_item, rtol=1e-5, atol=1e-5)


def test_denoising_at_inference_is_the_folded_walk() -> None:
    ours, graphs, _ = both_models(SETTINGS)
    _, _, social = ours.embeddings(graphs)
    expected = fold(ours.denoiser, ours.schedule).denoise(social.numpy())
    np.testing.assert_allclose(ours.denoise(social).numpy(), expected, atol=1e-5)


@pytest.mark.parametrize("changes", [{"denoising": "identity"}, {"denoising": "none"}])
def test_without_denoiser_the_social_embedding_is_taken_as_it_is(changes: dict[str, Any]) -> None:
    model, graphs, _ = both_models(replace(SETTINGS, **changes))
    user, _, social = model.embeddings(graphs)
    alone, _ = model.encoder.interaction(graphs, torch.arange(17), torch.arange(40))
    torch.testing.assert_close(user, alone + social)
    assert model.losses(graphs, *batch(), torch.Generator()).diffusion.item() == 0.0


def test_without_social_graph_only_interactions_count() -> None:
    model, graphs, _ = both_models(replace(SETTINGS, social="none"))
    user, _, _ = model.embeddings(graphs)
    alone, _ = model.encoder.interaction(graphs, torch.arange(17), torch.arange(40))
    torch.testing.assert_close(user, alone)
    losses = model.losses(graphs, *batch(), torch.Generator())
    losses.total.backward()  # type: ignore[no-untyped-call]
    assert losses.diffusion.item() == 0.0
    assert all(weight.grad is None for weight in model.encoder.social_weights)
    assert not model.has_denoiser


def test_the_autoencoder_has_one_noise_level_and_one_step() -> None:
    model, graphs, _ = both_models(replace(SETTINGS, denoising="autoencoder"))
    user, _, social = model.embeddings(graphs)
    alone, _ = model.encoder.interaction(graphs, torch.arange(17), torch.arange(40))
    last = torch.full((17,), SETTINGS.steps - 1)
    torch.testing.assert_close(user, alone + model.denoiser(social, last))
    assert model.losses(graphs, *batch(), torch.Generator().manual_seed(0)).diffusion.item() > 0


def test_the_seed_decides_initialisation_and_biases_start_at_zero() -> None:
    first, again, other = (PaperModel(SETTINGS, 5, 7, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    for name, tensor in first.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name])
        assert torch.equal(tensor, other.state_dict()[name]) is name.endswith("bias")
    assert not first.denoiser.first.bias.any()
