"""The loss over all pairs against its dense definition, and its gradient against autograd."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from recdiff.graph import sparse as graph
from recdiff.recommender.joint_graph import observed_pairs
from recdiff.recommender.loss import gradient, loss

USERS, ITEMS = 9, 13


def _case() -> tuple[sp.csr_matrix, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    train = sp.random(USERS, ITEMS, 0.3, format="csr", dtype=np.float32, random_state=0)
    train.data[:] = 1
    return train, torch.randn(USERS + ITEMS, 4, generator=generator)


def _dense_loss(train: sp.csr_matrix, rows: torch.Tensor, background: float) -> torch.Tensor:
    target = torch.from_numpy(train.toarray())
    weight = torch.where(target > 0, 1.0, background)
    return (weight * (rows[:USERS] @ rows[USERS:].T - target).square()).sum() - train.nnz


@pytest.mark.parametrize("background", [0.05, 0.5, 1.0])
def test_loss_is_the_weighted_squared_error_of_all_pairs(background: float) -> None:
    train, rows = _case()
    found = loss(observed_pairs(train), rows, USERS, background)
    torch.testing.assert_close(found, _dense_loss(train, rows, background), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("block", [4, 9, 1000])
@pytest.mark.parametrize("background", [0.05, 0.5, 1.0])
def test_gradient_is_the_derivative(background: float, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph, "ROW_BLOCK", block)
    train, rows = _case()
    rows.requires_grad_()
    _dense_loss(train, rows, background).backward()
    with torch.no_grad():
        found = gradient(observed_pairs(train), rows, USERS, background)
        spare = torch.full_like(rows, 7.0)
        assert gradient(observed_pairs(train), rows, USERS, background, out=spare) is spare
    torch.testing.assert_close(found, rows.grad, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(spare, found)
