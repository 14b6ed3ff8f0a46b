"""SAMN against its equations written out friend by friend."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from recdiff.baselines import Task
from recdiff.baselines.neural import samn
from recdiff.baselines.neural.samn import SAMN, fit_samn
from recdiff.baselines.pairwise import WIDTH, Batch
from tests.baselines.tasks import LONER, weighted_task

USERS, ITEMS = 15, 12


@pytest.fixture(params=[False, True], ids=["undirected", "directed"])
def task(request: pytest.FixtureRequest) -> Task:
    """Weighted ties, one of weight 0, and a user without any."""
    return weighted_task((USERS, ITEMS), 0.4, 0.5, directed=bool(request.param), idle=False)


@pytest.fixture
def encoder(task: Task) -> SAMN:
    """A model whose memory, biases and weights are none of them at their plain starting values."""
    model, generator = SAMN(task, torch.Generator().manual_seed(1)), torch.Generator().manual_seed(2)
    with torch.no_grad():
        for part in (model.memory, model.bias, model.hidden.bias):
            part.add_(torch.randn(part.shape, generator=generator))
    return model


def plain(part: torch.Tensor) -> np.ndarray:
    found: np.ndarray = part.detach().double().numpy()
    return found


@pytest.mark.parametrize("block", [7, 2**17])
def test_scores_are_the_equations_friend_by_friend(
    task: Task, encoder: SAMN, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(samn, "BLOCK", block)
    users, items, bias, social = plain(encoder.users), plain(encoder.items), plain(encoder.bias), task.social.toarray()
    slow = np.zeros((USERS, ITEMS))
    for user in range(USERS):
        rows, weights = [], []
        for friend in np.flatnonzero(social[user]):
            pair = users[user] / np.linalg.norm(users[user]) * users[friend] / np.linalg.norm(users[friend])
            raised = np.exp([pair @ plain(encoder.keys)[:, slot] for slot in range(8)])
            memory = sum(share * row for share, row in zip(raised / raised.sum(), plain(encoder.memory), strict=True))
            rows.append(memory * users[friend])
            hidden = plain(encoder.hidden.weight) @ rows[-1] + plain(encoder.hidden.bias)
            weights.append(social[user, friend] * math.exp(np.maximum(hidden, 0) @ plain(encoder.share)))
        whole = users[user] + sum((weight / sum(weights) * row for weight, row in zip(weights, rows, strict=True)), 0.0)
        slow[user] = [whole @ items[item] + bias[item] for item in range(ITEMS)]
    with torch.no_grad():
        found = encoder.embed()
        np.testing.assert_allclose((found[0] @ found[1].T).numpy(), slow, rtol=1e-4, atol=1e-5)
        chosen = [torch.tensor(each) for each in ([3, LONER, 3], [0, 1, 2], [5, 6, 7])]
        rows = encoder.rows(Batch(*chosen), torch.Generator())
    for fast, table, places in zip(rows, (found[0], found[1], found[1]), chosen, strict=True):
        torch.testing.assert_close(fast, table[places])
    assert rows[0].shape == (3, WIDTH + 1)


def test_a_gradient_reaches_each_parameter_and_attention_is_penalised(encoder: SAMN) -> None:
    batch = Batch(torch.arange(12), torch.arange(12), (torch.arange(12) + 2) % ITEMS)
    user, positive, negative = encoder.rows(batch, torch.Generator())
    further = encoder.further_loss(batch, torch.Generator())
    ((user * (positive - 2 * negative)).sum() + further).backward()  # type: ignore[no-untyped-call]
    for name, part in encoder.named_parameters():
        assert part.grad is not None, name
        assert torch.isfinite(part.grad).all(), name
        assert part.grad.any(), name
    squares = sum(np.square(plain(part)).sum() for part in (encoder.hidden.weight, encoder.hidden.bias, encoder.share))
    assert further.item() == pytest.approx(samn.PENALTY * squares)


def test_the_seed_decides(task: Task) -> None:
    first, again = (fit_samn(task, 0.01, epochs=2)(np.arange(3)) for _ in range(2))
    assert (first == again).all()
