"""How many epochs and batches there are, and rows cut into batches of all but equal size. B: rows, S: batches."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import pad


class Length(Protocol):
    """The settings of a network that say how long it learns."""

    @property
    def epochs(self) -> int:
        """At least so many."""

    @property
    def batch_size(self) -> int:
        """Rows of a batch, at least; fewer only where there are fewer."""

    @property
    def least_steps(self) -> int:
        """Of all epochs together; few rows are gone through more often."""


def counted(rows: int, config: Length) -> tuple[int, int]:
    """Return how many epochs there are, and how many batches in each."""
    batches = max(1, rows // config.batch_size)
    return max(config.epochs, -(-config.least_steps // batches)), batches


def cut(order: Tensor, batches: int) -> Tensor:
    """Return ``order`` (..., B) in batches (..., S, ceil(B / S)); -1 fills those that have one row less."""
    shorter, longer = divmod(order.shape[-1], batches)
    above, seam = order.shape[:-1], longer * (shorter + 1)
    last = order[..., seam:].reshape(*above, batches - longer, shorter)
    if not longer:
        return last
    first = order[..., :seam].reshape(*above, longer, shorter + 1)
    return torch.cat([first, pad(last, (0, 1), value=-1)], dim=-2)
