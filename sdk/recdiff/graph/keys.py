"""One number for a pair of users. Letters: B pairs."""

from __future__ import annotations

import numpy as np

from recdiff.arrays import Int64


def keys_of(src: Int64, dst: Int64, num_users: int, directed: bool) -> Int64:
    """Return one number per pair of positions, (B,); undirected pairs get the same number in both orientations."""
    if not directed:
        src, dst = np.minimum(src, dst), np.maximum(src, dst)
    return src * np.int64(num_users) + dst
