"""Pairs of users that are not tied, drawn in several ways: what fakes look like when nothing better is known.

uniform   both ends drawn evenly from the users who have an edge
hub       one end drawn evenly, the other by degree (directed: the target)
degree    both ends drawn by degree (directed: source by out-degree, target by in-degree)
walk      the ends of a walk of three steps from a random edge
two-hop   an even draw among the distinct pairs at distance two
kept-path the same along the half of the edges whose ends have the most friends in common

Letters: U users, E edges, M pairs wanted. No users-by-users matrix is dense.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from recdiff.arrays import Int64
from recdiff.errors import DataError
from recdiff.fakes import kinds
from recdiff.graph.adjacency import adjacency
from recdiff.graph.keys import among, distinct
from recdiff.graph.pairs import common_neighbours, pair_keys
from recdiff.graph.social_graph import SocialGraph

KEPT_PATH, MOST_COMPARED = "kept-path", 1 << 20
"""Where most edges are fakes, so are most paths of two, and fakes made before the others look unlike pairs along those.
Of more edges than the second, so many are drawn and compared."""
BARREN_ROUNDS = 40
"""Rounds of drawing after which a graph is held to have too few such pairs."""


@dataclass(frozen=True)
class Graph:
    """A social graph made ready for drawing.

    Attributes:
        out, into: CSR (U, U), successors and predecessors of each user; the same matrix where undirected.
        taken: sorted keys of the edges, and of other pairs that may not be drawn.
    """

    out: sp.csr_matrix
    into: sp.csr_matrix
    taken: Int64
    directed: bool

    @classmethod
    def of(cls, graph: SocialGraph, avoid: Int64 | None = None) -> Graph:
        """Index the edges of ``graph``; pairs in ``avoid`` (A, 2) are never drawn either."""
        closed = graph.edges if avoid is None else np.concatenate([graph.edges, avoid])
        return cls.on(adjacency(graph.edges, graph.num_users, graph.directed), closed, graph.directed)

    @classmethod
    def on(cls, out: sp.csr_matrix, closed: Int64, directed: bool) -> Graph:
        """Return the graph whose ``adjacency`` is ``out`` (U, U) and where no pair in ``closed`` (A, 2) is drawn."""
        into = sp.csr_matrix(out.T) if directed else out
        return cls(out, into, distinct(pair_keys(closed, out.shape[0], directed)), directed)

    @property
    def num_users(self) -> int:
        """U."""
        return int(self.out.shape[0])

    @property
    def active(self) -> Int64:
        """The users who have an edge; all where none has."""
        found = np.flatnonzero(np.diff(self.out.indptr) + np.diff(self.into.indptr))
        return found if len(found) else np.arange(self.num_users)

    def draw(self, kind: str, count: int, rng: np.random.Generator) -> Int64:
        """Return ``count`` distinct non-edges of ``kind``, (count, 2).

        Raises:
            DataError: where the graph does not have that many.
        """
        found = self.draw_at_most(kind, count, rng)
        if len(found) < count:
            raise DataError(
                f"cannot draw {count:,} distinct {kind} pairs that are no edges: found only {len(found):,} "
                f"in a graph of {self.num_users:,} users and {len(self.taken):,} edges; ask for a smaller share"
            )
        return found

    def draw_at_most(self, kind: str, count: int, rng: np.random.Generator) -> Int64:
        """Return ``count`` distinct non-edges of ``kind``, or as many as are found, (M, 2)."""
        if kind == KEPT_PATH:
            return self.closer_half(rng).draw_at_most("two-hop", count, rng)
        proposals: dict[str, Callable[[int, np.random.Generator], Int64]] = {
            "uniform": self._uniform,
            "hub": self._hub,
            "degree": self._by_degree,
            "walk": self._walk,
            "two-hop": self._two_hop,
        }
        own = kinds.kind(kind).propose
        return self._distinct(partial(own, self) if own else proposals[kind], count, rng)

    def closer_half(self, rng: np.random.Generator) -> Graph:
        """Return the graph of the half of the edges whose ends have the most in common, with the same pairs taken.

        What ends have in common is their resource allocation index (Zhou, Lü and Zhang, 2009), directions left aside:

            sum_m 1 / degree(m) over their common neighbours m.

        Of edges with as much in common it is chance which are in it.
        """
        edges = np.stack(self.out.nonzero(), axis=1).astype(np.int64)
        if not self.directed:
            edges = edges[edges[:, 0] < edges[:, 1]]
        both = adjacency(edges, self.num_users, directed=False) if self.directed else self.out
        edges = edges[rng.permutation(len(edges))[:MOST_COMPARED]]
        degree = np.maximum(np.diff(both.indptr), 1)
        common = common_neighbours(both, both, edges, 1.0 / degree)
        closer = edges[np.argsort(-common, kind="stable")[: len(edges) // 2]]
        return replace(Graph.of(SocialGraph(closer, self.num_users, self.directed)), taken=self.taken)

    def is_taken(self, keys: Int64) -> NDArray[np.bool_]:
        """Tell which pair keys belong to edges or avoided pairs."""
        return among(keys, self.taken)

    def _distinct(
        self, propose: Callable[[int, np.random.Generator], Int64], count: int, rng: np.random.Generator
    ) -> Int64:
        found, seen, barren = np.empty((0, 2), np.int64), np.empty(0, np.int64), 0
        while len(found) < count and barren < BARREN_ROUNDS:
            before = len(found)
            fresh = propose(int(1.3 * (count - before)) + 64, rng)
            fresh = fresh[fresh[:, 0] != fresh[:, 1]]
            keys = pair_keys(fresh, self.num_users, self.directed)
            first = np.unique(keys, return_index=True)[1]
            first = first[~self.is_taken(keys[first]) & ~among(keys[first], np.sort(seen))]
            first.sort()
            found, seen = np.concatenate([found, fresh[first]]), np.concatenate([seen, keys[first]])
            barren = barren + 1 if len(found) - before < max(1, (count - before) // 1000) else 0
        return found[:count]

    def _uniform(self, count: int, rng: np.random.Generator) -> Int64:
        active = self.active
        return active[rng.integers(0, len(active), (count, 2))]

    def _by_degree(self, count: int, rng: np.random.Generator) -> Int64:
        pick = rng.integers(0, max(self.out.nnz, 1), (count if self.out.nnz else 0, 2))
        return np.stack([self._row_of(pick[:, 0]), self.out.indices[pick[:, 1]]], axis=1).astype(np.int64)

    def _row_of(self, entries: Int64) -> Int64:
        """Return which row of ``out`` each entry (B,) lies in."""
        return np.asarray(np.searchsorted(self.out.indptr, entries, side="right") - 1)

    def _hub(self, count: int, rng: np.random.Generator) -> Int64:
        pairs = self._by_degree(count, rng)
        side = np.zeros(len(pairs), np.int64) if self.directed else rng.integers(0, 2, len(pairs))
        active = self.active
        pairs[np.arange(len(pairs)), side] = active[rng.integers(0, len(active), len(pairs))]
        return pairs

    def _walk(self, count: int, rng: np.random.Generator) -> Int64:
        pick = rng.integers(0, max(self.out.nnz, 1), 2 * count if self.out.nnz else 0)
        first, last = self._row_of(pick), self.out.indices[pick].astype(np.int64)
        goes_on = (np.diff(self.into.indptr)[first] > 0) & (np.diff(self.out.indptr)[last] > 0)
        ends_of = _neighbour(self.into, first[goes_on], rng), _neighbour(self.out, last[goes_on], rng)
        return np.stack(ends_of, axis=1)

    def _two_hop(self, count: int, rng: np.random.Generator) -> Int64:
        """Draw paths src - m - dst evenly and keep each with probability 1 / (paths between its ends)."""
        paths = np.diff(self.into.indptr).astype(np.float64) * np.diff(self.out.indptr)
        if not paths.sum():
            return np.empty((0, 2), np.int64)
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
