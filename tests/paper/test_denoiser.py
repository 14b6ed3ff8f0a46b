"""The denoiser against a slow formula, the published figures and its folded form."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from recdiff.diffusion.schedule import linear_variance, reverse_walk
from recdiff.paper.denoiser import Denoiser, fold
from tests import reference
from tests.golden import RUNS, denoiser_weights, golden


def published() -> Denoiser:
    denoiser = Denoiser(64, 16, dropout=0.5)
    state = {name.replace("_", "."): torch.as_tensor(value) for name, value in denoiser_weights().items()}
    denoiser.load_state_dict(state)
    return denoiser


def drawn(width: int = 6, time_width: int = 4, dropout: float = 0.5) -> tuple[Denoiser, dict[str, np.ndarray]]:
    denoiser = Denoiser(width, time_width, dropout)
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in denoiser.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return denoiser, {name.replace(".", "_"): value.numpy() for name, value in denoiser.state_dict().items()}


def rows(count: int, width: int = 6) -> torch.Tensor:
    return torch.randn(count, width, generator=torch.Generator().manual_seed(5))


def test_prediction_is_the_reference_one() -> None:
    denoiser, weights = drawn()
    x, t = rows(9), torch.arange(9) % 4
    x[2] = 0
    expected = reference.denoise(x.numpy(), t.numpy(), weights)
    np.testing.assert_allclose(denoiser(x, t).detach().numpy(), expected, atol=1e-5)


def test_prediction_is_the_published_one() -> None:
    data = golden()
    predicted = published()(torch.as_tensor(data["noised"]), torch.as_tensor(data["t"]))
    np.testing.assert_allclose(predicted.detach().numpy(), data["predicted_x0"], atol=1e-5)


@pytest.mark.parametrize("run", RUNS)
def test_the_whole_reverse_walk_is_the_published_one(run: str) -> None:
    data = golden()
    folded = fold(published(), linear_variance(*RUNS[run]))
    np.testing.assert_allclose(folded.denoise(data["social_embeddings"]), data[f"{run}/denoised"], atol=1e-5)


def test_folded_is_unfolded_is_the_reference() -> None:
    denoiser, weights = drawn()
    schedule = linear_variance(9, 30.0)
    x = rows(11)

    def predict(part: torch.Tensor, t: int) -> torch.Tensor:
        result: torch.Tensor = denoiser(part, torch.full((len(part),), t))
        return result

    with torch.no_grad():
        unfolded = reverse_walk(x, predict, schedule).numpy()
    folded = fold(denoiser, schedule)
    np.testing.assert_allclose(folded.denoise(x.numpy(), block=4), unfolded, atol=1e-5)
    np.testing.assert_allclose(
        unfolded, reference.reverse_walk(x.numpy(), weights, list(schedule.alpha_bar)), atol=1e-5
    )


def test_dropout_is_on_exactly_with_a_generator() -> None:
    denoiser, _ = drawn()
    x, t = rows(4), torch.zeros(4, dtype=torch.int64)
    assert torch.equal(denoiser(x, t), denoiser(x, t))
    seeded = [denoiser(x, t, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)]
    assert torch.equal(seeded[0], seeded[1])
    assert not torch.equal(seeded[0], seeded[2])
    whole, _ = drawn(dropout=0.0)
    assert torch.equal(whole(x, t, torch.Generator().manual_seed(1)), denoiser(x, t))


def test_dropout_drops_its_share_and_keeps_the_mean() -> None:
    denoiser = Denoiser(64, 4, dropout=0.25)
    with torch.no_grad():
        for parameter in denoiser.parameters():
            parameter.zero_()
        # The identity at first order: tanh of small numbers, scaled back.
        denoiser.first.weight[:, :64] = torch.eye(64) * 1e-3
        denoiser.second.weight.copy_(torch.eye(64) * 1e3)
    x = torch.ones(3000, 64)
    out = denoiser(x, torch.zeros(3000, dtype=torch.int64), torch.Generator().manual_seed(0)) * 8
    assert (out == 0).float().mean().item() == pytest.approx(0.25, abs=0.01)
    assert out.mean().item() == pytest.approx(1.0, abs=0.01)
    assert out.max().item() == pytest.approx(1 / 0.75, abs=1e-3)
