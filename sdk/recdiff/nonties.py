"""Pairs of users that are not tied, drawn in several ways: what fakes look like when nothing better is known.

uniform   both ends drawn evenly
degree    both ends drawn by degree (directed: source by out-degree, target by in-degree)
two-hop   an even draw among the distinct pairs at distance two

Letters: U users, E ties, M pairs wanted. No users-by-users matrix is dense.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from recdiff.errors import DataError

Int64 = NDArray[np.int64]
Float64 = NDArray[np.float64]

BLOCK_ENTRIES = 1 << 24
"""Neighbour entries that a block of pairs may gather at once."""
BARREN_ROUNDS = 40
"""Rounds of drawing after which a graph is held to have too few such pairs."""


def pair_keys(pairs: Int64, num_users: int, directed: bool) -> Int64:
    """Return one number per pair, (M,); undirected pairs get the same number in both orientations."""
    src, dst = pairs[:, 0], pairs[:, 1]
    if not directed:
        src, dst = np.minimum(src, dst), np.maximum(src, dst)
    return src * np.int64(num_users) + dst


def adjacency(edges: Int64, num_users: int, directed: bool) -> sp.csr_matrix:
    """Return the social adjacency (U, U) with every entry 1: a tie listed twice or both ways counts once."""
    from recdiff.graph import social_adjacency  # here, lest corrupting a data set wait for torch

    graph = social_adjacency(edges, num_users, directed)
    graph.data[:] = 1.0
    return graph


def common_neighbours(out: sp.csr_matrix, into: sp.csr_matrix, pairs: Int64, weight: Float64 | None = None) -> Float64:
    """Return the sum over m of out[src, m] * weight[m] * into[dst, m], (M,).

    ``into`` is ``out`` itself for undirected graphs and its transpose for directed ones, so that paths
    src -> m -> dst are counted. Pairs are taken in blocks, so memory stays bounded.
    """
    first = out if weight is None else sp.csr_matrix(out @ sp.diags_array(weight))
    work = np.cumsum(np.diff(out.indptr)[pairs[:, 0]] + np.diff(into.indptr)[pairs[:, 1]])
    cuts = np.searchsorted(work, np.arange(BLOCK_ENTRIES, work[-1] if len(work) else 0, BLOCK_ENTRIES))
    parts = [
        np.asarray(first[block[:, 0]].multiply(into[block[:, 1]]).sum(axis=1), np.float64).ravel()
        for block in np.split(pairs, cuts)
        if len(block)
    ]
    return np.concatenate([*parts, np.empty(0)])


@dataclass(frozen=True)
class Graph:
    """A social graph made ready for drawing.

    Attributes:
        out, into: CSR (U, U), successors and predecessors of each user; the same matrix where undirected.
        taken: sorted keys of the ties, and of other pairs that may not be drawn.
    """

    out: sp.csr_matrix
    into: sp.csr_matrix
    taken: Int64
    directed: bool

    @classmethod
    def of(cls, edges: Int64, num_users: int, directed: bool, avoid: Int64 | None = None) -> Graph:
        """Index ``edges`` (E, 2); pairs in ``avoid`` (A, 2) are never drawn either."""
        closed = edges if avoid is None else np.concatenate([edges, avoid])
        return cls.on(adjacency(edges, num_users, directed), closed, directed)

    @classmethod
    def on(cls, out: sp.csr_matrix, closed: Int64, directed: bool) -> Graph:
        """Return the graph whose ``adjacency`` is ``out`` (U, U) and where no pair in ``closed`` (A, 2) is drawn."""
        into = sp.csr_matrix(out.T) if directed else out
        return cls(out, into, np.sort(pair_keys(closed, out.shape[0], directed)), directed)

    @property
    def num_users(self) -> int:
        """U."""
        return int(self.out.shape[0])

    def draw(self, kind: str, count: int, rng: np.random.Generator) -> Int64:
        """Return ``count`` distinct non-ties of ``kind``, (count, 2).

        Raises:
            DataError: where the graph does not have that many.
        """
        proposals: dict[str, Callable[[int, np.random.Generator], Int64]] = {
            "uniform": self._uniform,
            "degree": self._by_degree,
            "two-hop": self._two_hop,
        }
        return self._distinct(proposals[kind], kind, count, rng)

    def is_taken(self, keys: Int64) -> NDArray[np.bool_]:
        """Tell which pair keys belong to ties or avoided pairs."""
        place = np.minimum(np.searchsorted(self.taken, keys), max(len(self.taken) - 1, 0))
        return self.taken[place] == keys if len(self.taken) else np.zeros(len(keys), bool)

    def _distinct(
        self,
        propose: Callable[[int, np.random.Generator], Int64],
        kind: str,
        count: int,
        rng: np.random.Generator,
    ) -> Int64:
        found, seen, barren = np.empty((0, 2), np.int64), np.empty(0, np.int64), 0
        while len(found) < count:
            before = len(found)
            fresh = propose(int(1.3 * (count - before)) + 64, rng)
            fresh = fresh[fresh[:, 0] != fresh[:, 1]]
            keys = pair_keys(fresh, self.num_users, self.directed)
            first = np.unique(keys, return_index=True)[1]
            first = first[~self.is_taken(keys[first]) & ~np.isin(keys[first], seen)]
            first.sort()
            found, seen = np.concatenate([found, fresh[first]]), np.concatenate([seen, keys[first]])
            barren = barren + 1 if len(found) - before < max(1, (count - before) // 1000) else 0
            if barren >= BARREN_ROUNDS:
                raise DataError(
                    f"cannot draw {count:,} distinct {kind} pairs that are no ties: found only {len(found):,} "
                    f"in a graph of {self.num_users:,} users and {len(self.taken):,} ties; ask for a smaller share"
                )
        return found[:count]

    def _uniform(self, count: int, rng: np.random.Generator) -> Int64:
        return rng.integers(0, self.num_users, (count, 2))

    def _by_degree(self, count: int, rng: np.random.Generator) -> Int64:
        ends = self.out.tocoo()
        if not len(ends.row):
            raise DataError("cannot draw pairs by degree: the graph has no ties")
        pick = rng.integers(0, len(ends.row), (count, 2))
        return np.stack([ends.row[pick[:, 0]], ends.col[pick[:, 1]]], axis=1).astype(np.int64)

    def _two_hop(self, count: int, rng: np.random.Generator) -> Int64:
        """Draw paths src - m - dst evenly and keep each with probability 1 / (paths between its ends)."""
        paths = np.diff(self.into.indptr).astype(np.float64) * np.diff(self.out.indptr)
        if not paths.sum():
            raise DataError("cannot draw two-hop pairs: no user has two neighbours")
        reach = np.cumsum(paths)
        middle = np.searchsorted(reach, rng.random(2 * count) * reach[-1], side="right")
        pairs = np.stack([_neighbour(self.into, middle, rng), _neighbour(self.out, middle, rng)], axis=1)
        pairs = pairs[pairs[:, 0] != pairs[:, 1]]
        pairs = pairs[~self.is_taken(pair_keys(pairs, self.num_users, self.directed))]
        between = common_neighbours(self.out, self.into, pairs)
        kept: Int64 = pairs[rng.random(len(pairs)) * between < 1.0]
        return kept


def _neighbour(graph: sp.csr_matrix, users: Int64, rng: np.random.Generator) -> Int64:
    """Return a random neighbour of each of ``users``, who must have one."""
    first, degree = graph.indptr[users], np.diff(graph.indptr)[users]
    place = first + (rng.random(len(users)) * degree).astype(np.int64)
    return np.asarray(graph.indices[place], np.int64)
