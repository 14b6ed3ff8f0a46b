"""A social graph: what its edges are, how many users it has, and whether an edge has a direction.

Letters: U users, E edges.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import scipy.sparse as sp
from numpy.typing import NDArray

from recdiff.arrays import Int64
from recdiff.graph.adjacency import adjacency, social_adjacency
from recdiff.graph.pairs import pair_keys, undirected


@dataclass(frozen=True, eq=False)
class SocialGraph:
    """Social edges by user position.

    Attributes:
        edges: (E, 2), each edge once.
        num_users: U.
        directed: whether (a, b) and (b, a) are two edges.
    """

    edges: Int64
    num_users: int
    directed: bool

    def adjacency(self, weight: NDArray[Any] | None = None) -> sp.csr_matrix:
        """Return the (U, U) adjacency with the edges' weights (E,), see ``social_adjacency``."""
        return social_adjacency(self.edges, self.num_users, self.directed, weight)

    @cached_property
    def pairs(self) -> Int64:
        """The distinct pairs of users that are tied, whatever the direction, in order, (M, 2)."""
        return undirected(self.edges, self.num_users)

    def keys_of(self, pairs: Int64) -> Int64:
        """Return one number for each of ``pairs`` (M, 2) of users, see ``pair_keys``."""
        return pair_keys(pairs, self.num_users, self.directed)

    def friends(self) -> sp.csr_matrix:
        """Return who is tied to whom, whatever the direction: (U, U), every entry 1."""
        return adjacency(self.edges, self.num_users, directed=False)
