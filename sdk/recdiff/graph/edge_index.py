"""Finding edges by their ends. Letters: E edges, B pairs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recdiff.arrays import Int64
from recdiff.graph.pairs import pair_keys


@dataclass(frozen=True, eq=False)
class EdgeIndex:
    """Edges in the order of their keys.

    Attributes:
        keys: (E,) sorted; order: (E,) the row each key came from.
    """

    keys: Int64
    order: Int64
    num_users: int
    directed: bool

    @classmethod
    def of(cls, edges: Int64, num_users: int, directed: bool) -> EdgeIndex:
        """Index ``edges`` (E, 2), E at least 1."""
        keys = pair_keys(edges, num_users, directed)
        order = np.argsort(keys, kind="stable")
        return cls(keys[order], order, num_users, directed)

    def rows_of(self, pairs: Int64) -> Int64:
        """Return the row of each pair (B, 2), -1 for pairs that are no edge."""
        wanted = pair_keys(pairs, self.num_users, self.directed)
        place = np.minimum(np.searchsorted(self.keys, wanted), len(self.keys) - 1)
        return np.where(self.keys[place] == wanted, self.order[place], -1)
