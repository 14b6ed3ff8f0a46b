"""Which items follow from an item, the strongest few of each: what members that score by a user's items consist of.

Letters: I items, B users, H items of a user, K items kept of each.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from recdiff.arrays import Float32, Int64

# K.
KEPT = 200


@dataclass(frozen=True, eq=False)
class ItemTable:
    """A sparse table of items by items with the same number of entries in each row.

    Attributes:
        items: (I, K) int32 positions; a row with fewer entries than K names its own item at the end.
        weights: (I, K) float32, 0 where an item is its own.
    """

    items: NDArray[np.int32]
    weights: Float32

    @classmethod
    def of_rows(cls, rows: Iterable[tuple[NDArray[np.integer[Any]], Float32]], count: int) -> ItemTable:
        """Return the table of the items and their weights that follow from each item, one pair of arrays an item.

        Only positive weights are kept, and of those the ``count`` largest; ties go to the first items.
        """
        chosen = [_strongest(items, weights, count) for items, weights in rows]
        width = max([1, *(len(items) for items, _ in chosen)])
        table = cls(
            np.repeat(np.arange(len(chosen), dtype=np.int32)[:, None], width, axis=1),
            np.zeros((len(chosen), width), np.float32),
        )
        for row, (items, weights) in enumerate(chosen):
            table.items[row, : len(items)] = items
            table.weights[row, : len(items)] = weights
        return table

    @cached_property
    def matrix(self) -> sp.csr_matrix:
        """The table as an (I, I) matrix."""
        count, width = self.items.shape
        starts = np.arange(count + 1) * width
        return sp.csr_matrix((self.weights.ravel(), self.items.ravel(), starts), shape=(count, count))

    def score(self, history: sp.csr_matrix) -> Float32:
        """Return the summed weights of each item over the items of a user, (B, I), of ``history`` (B, I)."""
        return np.asarray((history @ self.matrix).toarray(), np.float32)

    def shares(self, history: Int64, item: int) -> Float32:
        """Return what each item of ``history`` (H,) adds to the score of ``item``, (H,)."""
        here = self.items[history] == item
        return np.asarray((self.weights[history] * here).sum(axis=1), np.float32)


def _strongest(
    items: NDArray[np.integer[Any]], weights: Float32, count: int
) -> tuple[NDArray[np.integer[Any]], Float32]:
    """Return the ``count`` items of the largest positive weights, in the order given."""
    kept = np.flatnonzero(weights > 0)
    if len(kept) > count:
        values = weights[kept]
        bound = np.partition(values, len(values) - count)[len(values) - count]
        above, level = kept[values > bound], kept[values == bound]
        kept = np.sort(np.concatenate([above, level[: count - len(above)]]))
    return items[kept], weights[kept]
