"""Negatives: never a training item, uniform over all others, the same for the same seed."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
import scipy.stats
import torch

from recdiff.errors import DataError
from recdiff.graph.negatives import NegativeSampler


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_negatives_are_never_positive() -> None:
    train = sp.random(60, 50, 0.5, format="csr", dtype=np.float32, random_state=0)
    users = torch.arange(60).repeat(200)
    items = NegativeSampler(train).draw(users, seeded())
    assert not train.toarray()[users.numpy(), items.numpy()].any()
    assert int(items.min()) >= 0
    assert int(items.max()) < 50


def test_negatives_are_uniform_over_the_other_items() -> None:
    train = np.zeros((3, 12), np.float32)
    train[0, [0, 5, 6, 7, 11]] = 1
    train[1, :11] = 1
    sampler = NegativeSampler(sp.csr_matrix(train))
    for user, others in ((0, [1, 2, 3, 4, 8, 9, 10]), (1, [11]), (2, list(range(12)))):
        drawn = sampler.draw(torch.full((20_000,), user), seeded(user))
        counts = np.bincount(drawn.numpy(), minlength=12)
        assert counts.sum() == counts[others].sum()
        if len(others) > 1:
            assert scipy.stats.chisquare(counts[others]).pvalue > 1e-4


def test_unsorted_rows_and_users_without_items_are_fine() -> None:
    train = sp.csr_matrix((np.ones(3, np.float32), np.array([3, 0, 1]), np.array([0, 3, 3])), shape=(2, 4))
    items = NegativeSampler(train).draw(torch.tensor([0] * 50 + [1] * 50), seeded())
    assert set(items[:50].tolist()) == {2}
    assert set(items[50:].tolist()) == {0, 1, 2, 3}


def test_no_training_interaction_at_all_leaves_every_item() -> None:
    items = NegativeSampler(sp.csr_matrix((2, 3), dtype=np.float32)).draw(torch.zeros(200, dtype=torch.int64), seeded())
    assert set(items.tolist()) == {0, 1, 2}


def test_the_seed_decides() -> None:
    sampler = NegativeSampler(sp.random(20, 30, 0.2, format="csr", dtype=np.float32, random_state=0))
    users = torch.arange(20)
    assert torch.equal(sampler.draw(users, seeded(1)), sampler.draw(users, seeded(1)))
    assert not torch.equal(sampler.draw(users, seeded(1)), sampler.draw(users, seeded(2)))


def test_a_user_with_every_item_is_refused_by_position() -> None:
    train = np.array([[1, 0, 1], [1, 1, 1]], np.float32)
    with pytest.raises(DataError, match="user at position 1 has interacted with every item"):
        NegativeSampler(sp.csr_matrix(train))


def test_positions_beyond_32_bit_products_are_told_apart() -> None:
    users, items = 70_000, 70_000
    train = sp.csr_matrix((np.ones(1, np.float32), ([69_999], [69_999])), shape=(users, items))
    sampler = NegativeSampler(train)
    assert sampler._is_seen(torch.tensor([69_999, 69_998]), torch.tensor([69_999, 69_999])).tolist() == [True, False]
