"""Cutting rows into batches of all but equal size. Letters: B rows, S batches."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad


def cut(order: Tensor, batches: int) -> Tensor:
    """Return ``order`` (..., B) in batches (..., S, ceil(B / S)); -1 fills those that have one row less."""
    shorter, longer = divmod(order.shape[-1], batches)
    above, seam = order.shape[:-1], longer * (shorter + 1)
    last = order[..., seam:].reshape(*above, batches - longer, shorter)
    if not longer:
        return last
    first = order[..., :seam].reshape(*above, longer, shorter + 1)
    return torch.cat([first, pad(last, (0, 1), value=-1)], dim=-2)
