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

from itertools import pairwise

import numpy as np
import scipy.sparse as sp
import torch
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from recdiff.arrays import Float64, Int64
from recdiff.graph.folded import index_type
from recdiff.graph.shared import Friends, shared_friends
from recdiff.graph.social_graph import SocialGraph

FEWEST, MOST = 5, 2_000
"""Members of a block."""
LEVELS, MOST_LEVELS = 64, 256
"""Levels of many edges, and of few: as many edges in each, or one for each similarity where there are fewer."""
LOOKED_AT = 1 << 20
"""Edges by which levels are chosen."""
COMPARED = 1 << 22
"""Edges whose ends are compared at a time on a processor, which bounds memory."""
TOUCHED = 1 << 27
"""Edges times levels, about: the work that levels are added for."""


class _Parts:
    """Users joined into parts so far.

    Attributes:
        part: (U,) the part of each user; block: (U,) the best block so far that holds each user, -1 for none.
        open: (N, 2) parts at the ends of edges that lie in no part.
        size, volume, inside: (P,) members, sum of their degrees, and edges among them.
        best: (P,) the highest total gain of blocks inside.
        gains: of every block that was ever the best.
    """

    def __init__(self, friends: Friends) -> None:
        users, pairs = friends.users, friends.pairs
        narrow = index_type(users)
        self.edges = len(pairs)
        self.part = torch.arange(users, device=pairs.device, dtype=narrow)
        self.block = torch.full((users,), -1, device=pairs.device)
        self.open = pairs.to(narrow)
        self.volume = friends.degree.double()
        self.size = torch.ones_like(self.volume)
        self.inside, self.best = torch.zeros_like(self.volume), torch.zeros_like(self.volume)
        self.gains: list[Tensor] = []

    def join(self, pairs: Tensor) -> None:
        """Join the parts at the ends of edges (B, 2), and take new parts that gain."""
        ends = self.part.index_select(0, pairs.reshape(-1)).view(-1, 2)
        ends = ends[ends[:, 0] != ends[:, 1]]
        if not len(ends):
            return
        count, joined = _components(ends.cpu().numpy(), len(self.size))
        above = torch.as_tensor(joined).to(self.part.device)
        self.part = above.index_select(0, self.part)
        ends = above.index_select(0, self.open.reshape(-1)).view(-1, 2)
        inner = ends[:, 0] == ends[:, 1]
        found = torch.bincount(ends[inner, 0], minlength=count)
        self.open = ends[~inner]
        self.size, self.volume, self.inside, below = (
            torch.bincount(above, each, minlength=count) for each in (self.size, self.volume, self.inside, self.best)
        )
        self.inside += found
        fits = (self.size >= FEWEST) & (self.size <= MOST)
        own = torch.where(fits, gain_of(self.inside, self.volume**2 / (4.0 * self.edges)), 0.0)
        better = own > below
        self.best = torch.where(better, own, below)
        number = torch.where(better, better.cumsum(0) - 1 + sum(map(len, self.gains)), -1).index_select(0, self.part)
        self.block = torch.where(number >= 0, number, self.block)
        self.gains.append(own[better])


def find_blocks(graph: SocialGraph, device: torch.device | str = "cpu") -> Int64:
    """Return the number of each user's block (U,), -1 for users in none; the densest evidence comes first.

    Args:
        device: where edges are looked up and parts are weighed.
    """
    pairs = torch.as_tensor(graph.pairs).to(device)
    if not len(pairs):
        return np.full(graph.num_users, -1)
    friends = Friends(pairs, graph.num_users)
    level, order = _levels(similarity(friends)).sort(stable=True)
    begins = torch.searchsorted(
        level, torch.arange(int(level[-1]) + 2, dtype=level.dtype, device=level.device)
    ).tolist()
    parts = _Parts(friends)
    for start, stop in pairwise(begins):
        parts.join(pairs.index_select(0, order[start:stop]))
    gain = np.concatenate([*(each.cpu().numpy() for each in parts.gains), np.empty(0)])
    found = parts.block.cpu().numpy()
    kept = np.flatnonzero(np.bincount(found[found >= 0], minlength=len(gain)))
    number = np.full(len(gain) + 1, -1)
    number[kept[np.argsort(-gain[kept], kind="stable")]] = np.arange(len(kept))
    return np.asarray(number[found])


def similarity(friends: Friends) -> Tensor:
    """Return how much of their neighbourhoods the ends of each pair share, (E,), from 0 to 1."""
    degree = friends.degree.double()
    found = degree.new_empty(len(friends.pairs))
    at_once = COMPARED if degree.device.type == "cpu" else len(found)
    for part, pairs in zip(*(torch.split(each, at_once) for each in (found, friends.pairs)), strict=True):
        ends = degree.index_select(0, pairs[:, 0]) * degree.index_select(0, pairs[:, 1])
        torch.div(shared_friends(friends, friends, pairs), ends.sqrt(), out=part)
    return found


def _levels(alike: Tensor) -> Tensor:
    """Return the level of each edge (E,), 0 for the ends that are most ``alike`` (E,)."""
    seen = alike[:: len(alike) // LOOKED_AT + 1].sort().values
    cuts = torch.unique_consecutive(seen)
    most = int(np.clip(TOUCHED // len(alike), LEVELS, MOST_LEVELS))
    if len(cuts) > most:
        share = torch.searchsorted(seen, cuts) * most // len(seen)
        cuts = torch.cat([cuts[:1], cuts[1:][share.diff() > 0]])
    return (len(cuts) - torch.searchsorted(cuts, alike, right=True, out_int32=True)).to(torch.int16)


def _components(ends: Int64, parts: int) -> tuple[int, Int64]:
    """Return how many parts there are when those at ``ends`` (B, 2) are joined, and the new part of each, (P,)."""
    links = sp.csr_matrix((np.ones(len(ends), np.int8), (ends[:, 0], ends[:, 1])), shape=(parts, parts))
    count, joined = connected_components(links, directed=False)
    return int(count), joined


def gain_of(count: Tensor, expected: Tensor) -> Tensor:
    """Return how much more likely counts (N,) are at their own rate than at the ``expected`` one, as a logarithm."""
    return count * (count.clamp(min=1e-9) / expected.clamp(min=1e-9)).log() - (count - expected)


def gains(count: Float64, expected: Float64) -> Float64:
    """Return ``gain_of`` of arrays (N,)."""
    found: Float64 = gain_of(torch.as_tensor(count), torch.as_tensor(expected)).numpy()
    return found
