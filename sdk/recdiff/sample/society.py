"""A made-up society: users in communities, and the friendships among them.

Letters: U users, C communities, E edges.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from recdiff.arrays import Int64
from recdiff.graph.pairs import pair_keys

EDGES_PER_USER = 7
CLOSED = 0.45
"""Share of edges that close a triangle."""
NEAR = (0.72, 0.9)
"""Up to the first number an edge stays in its community, up to the second in the next one, else anywhere."""
COMMUNITY_SIZE = 60


@dataclass(frozen=True)
class Society:
    """Users and their real edges.

    Attributes:
        community: int64 (U,) community of each user.
        edges: int64 (E, 2), each edge once, src < dst.
        neighbours: CSR (U, U), symmetric, int8 ones.
    """

    community: Int64
    edges: Int64
    neighbours: sp.csr_matrix

    @property
    def size(self) -> int:
        return len(self.community)


@dataclass(frozen=True)
class Urn:
    """Draws members of groups, a member as often as it has tickets.

    Attributes:
        tickets: int64 (T,) members, the tickets of a group side by side.
        first: int64 (G + 1,) where each group's tickets begin.
    """

    tickets: Int64
    first: Int64

    @classmethod
    def of(cls, group: Int64, weight: NDArray[np.float64], groups: int) -> Urn:
        """Give each member of ``group`` (N,) tickets by its ``weight`` (N,), at least one."""
        order = np.argsort(group, kind="stable")
        count = np.maximum(1, np.rint(weight[order])).astype(np.int64)
        per_group = np.bincount(group[order], weights=count, minlength=groups).astype(np.int64)
        return cls(np.repeat(order, count), np.concatenate(([0], np.cumsum(per_group))))

    def draw(self, group: Int64, rng: np.random.Generator) -> Int64:
        """Draw one member for each group in ``group`` (B,); every group asked for has members."""
        start, stop = self.first[group], self.first[group + 1]
        return self.tickets[start + (rng.random(len(group)) * (stop - start)).astype(np.int64)]

    def draw_any(self, count: int, rng: np.random.Generator) -> Int64:
        """Draw ``count`` members of all groups together."""
        return self.tickets[rng.integers(0, len(self.tickets), count)]


def make_society(users: int, rng: np.random.Generator) -> Society:
    """Make ``users`` people with heavy-tailed degrees, communities of uneven size and closed triangles."""
    communities = max(2, users // COMMUNITY_SIZE)
    size = rng.lognormal(0.0, 0.6, communities)
    community = rng.choice(communities, users, p=size / size.sum()).astype(np.int64)
    # Empty communities would leave nothing to draw, so the rest are numbered without gaps.
    community = np.unique(community, return_inverse=True)[1].astype(np.int64)
    urn = Urn.of(community, 3 * rng.lognormal(0.0, 1.1, users), int(community.max()) + 1)
    wanted = EDGES_PER_USER * users
    edges = _distinct(_meet(urn, community, int((1 - CLOSED) * wanted), rng), users)
    for step in (0.5, 1.0):
        missing = int((wanted - len(edges)) * step)
        closing = two_hops(neighbours_of(edges, users), missing, rng)
        edges = _distinct(np.concatenate((edges, closing)), users)
    return Society(community, edges, neighbours_of(edges, users))


def neighbours_of(edges: Int64, users: int) -> sp.csr_matrix:
    """Return the symmetric (U, U) adjacency of ``edges``."""
    ends = (np.concatenate((edges[:, 0], edges[:, 1])), np.concatenate((edges[:, 1], edges[:, 0])))
    return sp.csr_matrix((np.ones(2 * len(edges), np.int8), ends), shape=(users, users))


def random_neighbour(graph: sp.csr_matrix, of: Int64, rng: np.random.Generator) -> Int64:
    """Return a neighbour of each user in ``of`` (B,), or the user itself where there is none."""
    start = graph.indptr[of].astype(np.int64)
    degree = graph.indptr[of + 1] - start
    at = start + (rng.random(len(of)) * degree).astype(np.int64)
    return np.where(degree > 0, graph.indices[np.minimum(at, graph.nnz - 1)], of).astype(np.int64)


def two_hops(graph: sp.csr_matrix, count: int, rng: np.random.Generator) -> Int64:
    """Return ``count`` pairs of friends of one user, (count, 2); some may be friends already or the same."""
    middle = graph.indices[rng.integers(0, graph.nnz, count)].astype(np.int64)
    return np.column_stack((random_neighbour(graph, middle, rng), random_neighbour(graph, middle, rng)))


def ascending(numbers: Int64) -> Int64:
    """Return the distinct ``numbers`` in ascending order; by sorting, as hashing misses the cache at this size."""
    ordered = np.sort(numbers)
    return ordered[np.concatenate(([True], ordered[1:] != ordered[:-1]))]


def _meet(urn: Urn, community: Int64, count: int, rng: np.random.Generator) -> Int64:
    one = urn.draw_any(count, rng)
    nearness = rng.random(count)
    communities = len(urn.first) - 1
    where = np.where(nearness < NEAR[0], community[one], (community[one] + 1) % communities)
    other = np.where(nearness < NEAR[1], urn.draw(where, rng), urn.draw_any(count, rng))
    return np.column_stack((one, other))


def _distinct(pairs: Int64, users: int) -> Int64:
    """Return each unordered pair of two different users once, in ascending order."""
    key = ascending(pair_keys(pairs[pairs[:, 0] != pairs[:, 1]], users, directed=False))
    return np.column_stack((key // users, key % users))
