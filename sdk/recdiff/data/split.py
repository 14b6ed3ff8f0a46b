"""Divide each user's interactions into training, validation and test rows."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from recdiff.arrays import Int64

Parts = NDArray[np.int8]
SplitRule = Literal["ratio", "time"]

TRAIN, VALIDATION, TEST = 0, 1, 2


def by_ratio(users: Int64, seed: int) -> Parts:
    """Divide each user's rows 7:1:2 at random.

    Args:
        users: (N,) user of each row, ascending; the rows' own order must be canonical for the result to be.
        seed: of the random order.

    Returns:
        int8 (N,): TRAIN, VALIDATION or TEST. Of n rows (2n + 5) // 10 are test and (n + 5) // 10 validation, so
        the shares are rounded per user and every user keeps at least one training row.
    """
    return _last_are_test(users, np.argsort(users + np.random.default_rng(seed).random(len(users))))


def by_time(users: Int64, time: NDArray[np.float64], seed: int) -> Parts:
    """Divide each user's rows 7:1:2 in the order of time, the latest being test; equal times fall by ``seed``."""
    chance = np.random.default_rng(seed).random(len(users))
    return _last_are_test(users, np.lexsort((chance, time, users)))


def _last_are_test(users: Int64, order: Int64) -> Parts:
    """Mark the last rows of each user in ``order`` (a permutation that keeps users ascending) as test."""
    if len(users) == 0:
        return np.zeros(0, np.int8)
    counts = np.bincount(users)
    first = np.concatenate(([0], np.cumsum(counts)))[users]
    rank = np.arange(len(users)) - first
    rows = counts[users]
    test = rows - (2 * rows + 5) // 10
    parts = np.where(rank >= test, TEST, np.where(rank >= test - (rows + 5) // 10, VALIDATION, TRAIN))
    divided = np.empty(len(users), np.int8)
    divided[order] = parts
    return divided
