"""Negative sampling: items that a user has no training interaction with, drawn without Python loops."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from recdiff.errors import DataError


class NegativeSampler:
    """Draws uniform negatives by exact rejection against the training interactions (U, I)."""

    def __init__(self, train: sp.csr_matrix, device: torch.device | str = "cpu") -> None:
        rows = np.repeat(np.arange(train.shape[0], dtype=np.int64), np.diff(train.indptr))
        full = np.flatnonzero(np.diff(train.indptr) >= train.shape[1])
        if len(rows) and len(full):
            raise DataError(f"user at position {full[0]} has interacted with every item, so nothing can be a negative")
        self._num_items = train.shape[1]
        seen = np.sort(rows * train.shape[1] + train.indices)
        # The last one is no key: a search always ends on a row that is there.
        self._seen = torch.as_tensor(np.append(seen, np.iinfo(np.int64).max), device=device)

    def draw(self, users: Tensor, generator: torch.Generator) -> Tensor:
        """Return one item position per user position, (B,), never one of that user's training items."""
        items = self._uniform(len(users), generator, users.device)
        open_rows = self._is_seen(users, items).nonzero().squeeze(-1)
        while len(open_rows):
            again = self._uniform(len(open_rows), generator, users.device)
            items[open_rows] = again
            open_rows = open_rows[self._is_seen(users[open_rows], again)]
        return items

    def _uniform(self, count: int, generator: torch.Generator, device: torch.device) -> Tensor:
        return torch.randint(self._num_items, (count,), generator=generator, device=device)

    def _is_seen(self, users: Tensor, items: Tensor) -> Tensor:
        key = users * self._num_items + items
        found: Tensor = self._seen[torch.searchsorted(self._seen, key)] == key
        return found
