"""The loss over all pairs against its dense definition, and its gradients against autograd."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from recdiff import all_pairs
from recdiff.all_pairs import Observed, gradients, loss


def _case() -> tuple[sp.csr_matrix, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    train = sp.random(9, 13, 0.3, format="csr", dtype=np.float32, random_state=0)
    train.data[:] = 1
    draw = (torch.randn(size, 4, generator=generator, dtype=torch.float32) for size in (9, 13))
    return train, *draw


@pytest.mark.parametrize("background", [0.05, 0.5, 1.0])
def test_loss_is_the_weighted_squared_error_of_all_pairs(background: float) -> None:
    train, users, items = _case()
    target = torch.from_numpy(train.toarray())
    weight = torch.where(target > 0, 1.0, background)
    dense = (weight * (users @ items.T - target).square()).sum() - train.nnz
    torch.testing.assert_close(loss(Observed.of(train), users, items, background), dense, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("block", [2**18, 5])
def test_gradients_are_the_derivatives(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(all_pairs, "_BLOCK", block)
    train, users, items = _case()
    users.requires_grad_()
    items.requires_grad_()
    observed = Observed.of(train)
    loss(observed, users, items, 0.2).backward()
    with torch.no_grad():
        by_user, by_item = gradients(observed, users, items, 0.2)
    torch.testing.assert_close(by_user, users.grad, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(by_item, items.grad, rtol=1e-4, atol=1e-4)
