"""Finding edges by their ends. Letters: E edges, B pairs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recdiff.arrays import Int64
from recdiff.graph.keys import rising
from recdiff.graph.social_graph import SocialGraph


@dataclass(frozen=True, eq=False)
class EdgeIndex:
    """Edges in the order of their keys.

    Attributes:
        keys: (E,) sorted; order: (E,) the row each key came from. graph: whose edges they are.
    """

    keys: Int64
    order: Int64
    graph: SocialGraph

    @classmethod
    def of(cls, graph: SocialGraph) -> EdgeIndex:
        """Index the edges of ``graph``, at least one."""
        keys = graph.keys_of(graph.edges)
        if rising(keys):
            return cls(keys, np.arange(len(keys)), graph)
        order = np.argsort(keys, kind="stable")
        return cls(keys[order], order, graph)

    def rows_of(self, pairs: Int64) -> Int64:
        """Return the row of each pair (B, 2), -1 for pairs that are no edge."""
        wanted = self.graph.keys_of(pairs)
        place = np.minimum(np.searchsorted(self.keys, wanted), len(self.keys) - 1)
        return np.where(self.keys[place] == wanted, self.order[place], -1)
