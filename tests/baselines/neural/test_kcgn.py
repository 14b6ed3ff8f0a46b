"""KCGN and its informax against loops over nodes."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from recdiff.baselines import Task
from recdiff.baselines.neural.informax import Informax
from recdiff.baselines.neural.kcgn import KCGN, fit_kcgn, related_items
from recdiff.baselines.pairwise import Batch
from recdiff.graph.social_graph import SocialGraph

USERS, ITEMS = 14, 17


@pytest.fixture
def task() -> Task:
    rng = np.random.default_rng(0)
    train = (rng.random((USERS, ITEMS)) < 0.3).astype(np.float32)
    train[:, 3] = 0  # an item without users
    ring = np.stack([np.arange(11), np.arange(1, 12)], axis=1)  # users 0 to 11; 12 and 13 have no tie
    return Task(sp.csr_matrix(train), SocialGraph(ring, USERS, False), lambda score: float(score(np.arange(2)).sum()))


def _encoder(task: Task) -> KCGN:
    return KCGN(task, 0.1, torch.Generator().manual_seed(1))


def test_embeddings_are_the_convolution_node_by_node(task: Task) -> None:
    encoder = _encoder(task)
    train = task.train.toarray()
    tables = [part.detach().numpy().astype(np.float64) for part in (encoder.users, encoder.items)]
    maps = [part.detach().numpy().astype(np.float64) for part in (encoder.user_map, encoder.item_map)]
    users, items = (part.detach().numpy() for part in encoder.embed())
    for node in range(USERS):
        size = 1 + train[node].sum()
        row = tables[0][node] @ maps[0] / size
        for item in np.flatnonzero(train[node]):
            row = row + tables[1][item] @ maps[1] / math.sqrt(size * (1 + train[:, item].sum()))
        row = np.where(row > 0, row, 0.4 * row)
        slow = np.concatenate([tables[0][node], row / np.linalg.norm(row)])
        np.testing.assert_allclose(users[node], slow, atol=1e-5)
    alone = tables[1][3] @ maps[1]
    alone = np.where(alone > 0, alone, 0.4 * alone)
    np.testing.assert_allclose(items[3], np.concatenate([tables[1][3], alone / np.linalg.norm(alone)]), atol=1e-5)


def test_informax_compares_nodes_with_their_own_component(task: Task) -> None:
    ties = task.social.toarray() + np.eye(USERS)
    rows = np.random.default_rng(1).normal(size=(USERS, 3))
    order = np.random.default_rng(2).permutation(USERS)

    def around(values: np.ndarray) -> np.ndarray:
        spread = np.stack([ties[node] @ values / math.sqrt(ties[node].sum()) for node in range(USERS)])
        return np.where(spread > 0, spread, 0.25 * spread)

    true, shuffled = around(rows), around(rows[order])
    summary = 1 / (1 + np.exp(-true[:12].mean(axis=0)))
    losses = [
        math.log1p(math.exp(-true[node] @ summary)) + math.log1p(math.exp(shuffled[node] @ summary)) for node in (0, 5)
    ]
    loss = Informax(task.social)(
        torch.as_tensor(rows, dtype=torch.float32), torch.tensor([0, 5, 12]), torch.as_tensor(order)
    )
    assert loss.item() == pytest.approx(np.mean(losses), abs=1e-5)


def test_small_components_have_no_informax() -> None:
    loss = Informax(sp.csr_matrix((4, 4), dtype=np.float32))(torch.ones(4, 2), torch.arange(4), torch.arange(4))
    assert loss.item() == 0.0


def test_items_are_related_both_ways_and_never_to_themselves(task: Task) -> None:
    related = related_items(task.train).toarray()
    assert set(np.unique(related)) <= {0.0, 1.0}
    assert (related == related.T).all()
    assert not related.diagonal().any()
    assert not related[3].any()


def test_a_gradient_reaches_each_parameter(task: Task) -> None:
    encoder = _encoder(task)
    batch = Batch(torch.arange(12), torch.arange(12), torch.arange(12) + 2)
    users, items = encoder.embed()
    loss = (users[batch.users] * items[batch.positives]).sum()
    loss = loss + encoder.further_loss(batch, torch.Generator().manual_seed(0))
    loss.backward()  # type: ignore[no-untyped-call]
    assert all(part.grad is not None and part.grad.any() for part in encoder.parameters())


def test_the_seed_decides(task: Task) -> None:
    first, again = (fit_kcgn(task, 0.01, 0.1, epochs=2)(np.arange(3)) for _ in range(2))
    assert (first == again).all()
