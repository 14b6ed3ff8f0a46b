"""Dense blocks of a graph: users that are tied to each other far more often than their degrees explain.

Edges are put into levels by how much of their neighbourhoods the two ends share. Level by level, the strongest first,
what edges join becomes one part, so parts are nested, and every part is a candidate block. With degrees d, e edges and
volume v = sum of d inside a part, a graph of M edges with these degrees has mu = v^2 / 4 M edges there, and the gain of
calling it a block is

    e log(e / mu) - (e - mu),

the log likelihood of its own rate against that. The disjoint parts of the highest total gain are kept: a part where its
gain is above what the best parts inside it gain together. Every level is a handful of array operations.

Letters: U users, E edges, P parts.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import scipy.sparse as sp
import torch
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from recdiff.arrays import Float64, Int64
from recdiff.graph.adjacency import adjacency
from recdiff.graph.pairs import common_neighbours, undirected

FEWEST, MOST = 5, 2_000
"""Members of a block."""
LEVELS, MOST_LEVELS = 64, 1024
"""Levels of many edges, and of few: as many edges in each, or one for each similarity where there are fewer."""
LOOKED_AT = 1 << 20
"""Edges by which levels are chosen."""
TOUCHED = 1 << 27
"""Edges times levels, about: the work that levels are added for."""


@dataclass(eq=False)
class _Parts:
    """Users joined into parts so far.

    Attributes:
        part: (U,) the part of each user; block: (U,) the best block so far that holds each user, -1 for none.
        open: (N, 2) parts at the ends of edges that lie in no part.
        size, volume, inside: (P,) members, sum of their degrees, and edges among them.
        best: (P,) the highest total gain of blocks inside.
        gains: of every block that was ever the best.
    """

    part: Int64
    block: Int64
    open: Tensor
    size: Float64
    volume: Float64
    inside: Float64
    best: Float64
    gains: list[Float64]

    @classmethod
    def of(cls, pairs: Int64, degree: Float64, device: torch.device | str) -> _Parts:
        """Return every user as a part of its own."""
        users, none = len(degree), np.zeros(len(degree))
        narrow = np.int32 if users < np.iinfo(np.int32).max else np.int64
        return cls(
            part=np.arange(users),
            block=np.full(users, -1),
            open=torch.as_tensor(pairs.astype(narrow)).to(device),
            size=np.ones(users),
            volume=degree,
            inside=none,
            best=none,
            gains=[],
        )

    def join(self, ends: Int64, edges: int) -> None:
        """Join the parts at the ``ends`` (B, 2) of edges, of ``edges`` in the graph, and take new parts that gain."""
        ends = ends[ends[:, 0] != ends[:, 1]]
        if not len(ends):
            return
        shape = (len(self.size), len(self.size))
        links = sp.csr_matrix((np.ones(len(ends), np.int8), (ends[:, 0], ends[:, 1])), shape=shape)
        count, above = connected_components(links, directed=False)
        self.part = above[self.part]
        there = torch.as_tensor(above).to(self.open.device)
        ends_now = there.index_select(0, self.open.reshape(-1)).view(-1, 2)
        inner = ends_now[:, 0] == ends_now[:, 1]
        found = torch.bincount(ends_now[:, 0][inner], minlength=count).cpu().numpy()
        self.open = ends_now.index_select(0, (~inner).nonzero().squeeze(1))
        self.size, self.volume, self.inside, below = (
            np.bincount(above, each, minlength=count).astype(np.float64)
            for each in (self.size, self.volume, self.inside, self.best)
        )
        self.inside += found
        fits = (self.size >= FEWEST) & (self.size <= MOST)
        own = np.where(fits, gain_of(self.inside, self.volume**2 / (4.0 * edges)), 0.0)
        better = own > below
        self.best = np.where(better, own, below)
        number = np.where(better, np.cumsum(better) - 1 + sum(map(len, self.gains)), -1)[self.part]
        self.block = np.where(number >= 0, number, self.block)
        self.gains.append(own[better])


def find_blocks(edges: Int64, num_users: int, device: torch.device | str = "cpu") -> Int64:
    """Return the number of each user's block (U,), -1 for users in none; the densest evidence comes first.

    Args:
        device: where it is looked up which parts edges lie between.
    """
    pairs = undirected(edges, num_users)
    if not len(pairs):
        return np.full(num_users, -1)
    graph = adjacency(pairs, num_users, directed=False)
    level = _levels(similarity(graph, pairs))
    order = np.argsort(level, kind="stable")
    begins = np.searchsorted(level[order], np.arange(int(level.max()) + 2))
    parts = _Parts.of(pairs, np.diff(graph.indptr).astype(np.float64), device)
    for start, stop in pairwise(begins.tolist()):
        parts.join(parts.part[pairs[order[start:stop]]], len(pairs))
    gain = np.concatenate([*parts.gains, np.empty(0)])
    found = parts.block
    kept = np.flatnonzero(np.bincount(found[found >= 0], minlength=len(gain)))
    number = np.full(len(gain) + 1, -1)
    number[kept[np.argsort(-gain[kept], kind="stable")]] = np.arange(len(kept))
    return number[found]


def similarity(graph: sp.csr_matrix, pairs: Int64) -> Float64:
    """Return how much of their neighbourhoods the ends of each edge share, (E,), from 0 to 1."""
    degree = np.diff(graph.indptr)
    ends = degree[pairs[:, 0]].astype(np.float64) * degree[pairs[:, 1]]
    return np.asarray(common_neighbours(graph, graph, pairs) / np.sqrt(ends))


def _levels(alike: Float64) -> Int64:
    """Return the level of each edge (E,), 0 for the ends that are most ``alike`` (E,)."""
    seen = np.sort(alike[:: len(alike) // LOOKED_AT + 1])
    cuts = seen[np.append(True, seen[1:] > seen[:-1])]
    most = int(np.clip(TOUCHED // len(alike), LEVELS, MOST_LEVELS))
    if len(cuts) > most:
        cuts = cuts[np.append(True, np.diff(np.searchsorted(seen, cuts) * most // len(seen)) > 0)]
    level = len(cuts) - np.searchsorted(cuts, alike, side="right")
    return level.astype(np.uint16)


def gain_of(count: Float64, expected: Float64) -> Float64:
    """Return how much more likely counts (N,) are at their own rate than at the ``expected`` one, as a logarithm."""
    return np.asarray(count * np.log(np.maximum(count, 1e-9) / np.maximum(expected, 1e-9)) - (count - expected))
