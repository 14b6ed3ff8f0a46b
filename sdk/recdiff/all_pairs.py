"""Squared error over all user-item pairs, without visiting them: no negatives are drawn.

Letters: U users, I items, R observed interactions, D embedding width, c background weight; u, v the rows of users and
items, s = u.v.

Loss = c sum_{all pairs} s^2 + sum_{observed} ((1 - c) s^2 - 2 s): unobserved pairs should score 0 and count c,
observed ones should score 1 and count 1 (the constant R is left out). The first sum equals c <V_u^T V_u, V_i^T V_i>, so
one pass costs O(R D + (U + I) D^2) (Hu et al., 2008; Chen et al., 2020).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

# Observed pairs whose rows are gathered at a time, 2 x 64 MiB at D = 64.
_BLOCK = 2**18


@dataclass(frozen=True)
class Observed:
    """The observed pairs in the order of users and in the order of items.

    Attributes:
        shape: U and I.
        users, items: (R,) positions, ordered by user.
        user_start, item_start: (U + 1,) and (I + 1,) where each user's and each item's pairs begin.
        by_item: (R,) the pairs in the order of items.
    """

    shape: tuple[int, int]
    users: Tensor
    items: Tensor
    user_start: Tensor
    item_start: Tensor
    by_item: Tensor

    @classmethod
    def of(cls, train: sp.csr_matrix, device: torch.device | str = "cpu") -> Observed:
        """Take the pairs of ``train`` (U, I)."""
        train = sp.csr_matrix(train)
        train.sort_indices()
        users = np.repeat(np.arange(train.shape[0]), np.diff(train.indptr))
        by_item = np.argsort(train.indices, kind="stable")
        item_start = np.concatenate(([0], np.cumsum(np.bincount(train.indices, minlength=train.shape[1]))))
        parts = (users, train.indices, train.indptr, item_start, by_item)
        moved = (torch.as_tensor(part.astype(np.int64), device=device) for part in parts)
        return cls(train.shape, *moved)

    def scores(self, users: Tensor, items: Tensor) -> Tensor:
        """Return s of every observed pair, (R,), from rows (U, D) and (I, D)."""
        blocks = zip(torch.split(self.users, _BLOCK), torch.split(self.items, _BLOCK), strict=True)
        return torch.cat([(users[u] * items[i]).sum(dim=1) for u, i in blocks])

    def spread(self, values: Tensor, users: Tensor, items: Tensor) -> tuple[Tensor, Tensor]:
        """Return C @ items (U, D) and C^T @ users (I, D), C (U, I) having ``values`` (R,) at the observed pairs."""
        forward = _csr(self.user_start, self.items, values, self.shape)
        turned = _csr(self.item_start, self.users[self.by_item], values[self.by_item], self.shape[::-1])
        return forward @ items, turned @ users


def _csr(start: Tensor, columns: Tensor, values: Tensor, shape: tuple[int, int]) -> Tensor:
    with warnings.catch_warnings():
        # torch announces at the first CSR tensor of a process that the layout is in beta.
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")
        return torch.sparse_csr_tensor(start, columns, values, shape, check_invariants=False)


def loss(observed: Observed, users: Tensor, items: Tensor, background: float) -> Tensor:
    """Return the loss, a scalar, of rows (U, D) and (I, D)."""
    scores = observed.scores(users, items)
    everywhere = ((users.T @ users) * (items.T @ items)).sum()
    return background * everywhere + ((1 - background) * scores.square() - 2 * scores).sum()


def gradients(observed: Observed, users: Tensor, items: Tensor, background: float) -> tuple[Tensor, Tensor]:
    """Return the derivatives of ``loss`` by users (U, D) and items (I, D)."""
    scores = observed.scores(users, items)
    by_user, by_item = observed.spread(2 * (1 - background) * scores - 2, users, items)
    by_user = by_user + 2 * background * (users @ (items.T @ items))
    return by_user, by_item + 2 * background * (items @ (users.T @ users))
