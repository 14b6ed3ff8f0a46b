"""What a block of users looks like from outside, and how much that is like accounts that act together.

Friends form dense blocks too, but these fade out: around a circle of friends are others who know several of it, its
members' other friends know each other, and some have many more friends than others. Accounts made to follow each other
keep most of their edges among themselves, the users whom they follow as camouflage know neither the block nor each
other, and one account is like the next. The weights are those of a logistic regression on blocks of real and of planted
accounts; see ``tests/benchmarks/accounts.py``.

Letters: U users, E edges, G blocks, N edges that leave a block.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import logit

from recdiff.arrays import Float64, Int64
from recdiff.graph.adjacency import adjacency
from recdiff.graph.pairs import common_neighbours
from recdiff.graph.social_graph import SocialGraph

INTERCEPT = -1.37
WEIGHTS = {"within": 2.32, "fading": -1.1, "closed": -1.25, "uneven": -2.11}
STAGED = 1.0
"""What ``staged`` must exceed for a block to be more likely staged than grown."""
SELF_CONTAINED = 0.7
"""Share of edges that stay inside beyond which a staged block is no more suspicious."""
EVENNESS = -6.0
"""Weight of uneven degrees in it: what one hand makes is alike."""
ONE_WAY = 1.5
"""What it adds that edges across a block's border all go out, where edges have a direction; in, what it takes."""
ENOUGH = 10
"""Members below which a block says less: small circles happen."""
LESS = 2.0
PER_CYCLE = 0.3
"""The most that a block says, by its edges beyond those of a tree: chains and stars are no dense blocks."""
LEAST, MOST = 0.02, 0.98
FAINTEST = 0.01


@dataclass(frozen=True, eq=False)
class Shape:
    """What blocks look like, each (G,).

    Attributes:
        size: members; inside: edges among them; within: share of the members' edges that stay inside.
        fading: how many edges into the block the ends of edges out of it have, relative to a member.
        closed: share of edges out of it whose ends have a friend in common outside.
        uneven: spread of the members' degrees, relative to their mean.
        outward: edges across the border, those that go out less those that come in, as a share; 0 without directions.
    """

    size: Float64
    inside: Float64
    within: Float64
    fading: Float64
    closed: Float64
    uneven: Float64
    outward: Float64

    @property
    def density(self) -> Float64:
        """Share of the pairs of members that are edges."""
        return np.asarray(2.0 * self.inside / np.maximum(self.size * (self.size - 1.0), 1.0))

    def evidence(self) -> Float64:
        """Return the log odds that each block is accounts acting together, (G,), before what its members do."""
        found = INTERCEPT + self._cut_off(MOST) + WEIGHTS["uneven"] * self.uneven
        return np.asarray(np.minimum(found + ONE_WAY * self.outward, self._most))

    def staged(self) -> Float64:
        """Return how much it looks as if one hand had made each block, (G,): above 0 it is more likely so than not.

        Many edges touch a block, so natural ones must be sorted out more strictly here than in ``evidence``: a circle
        that keeps to itself is no attack, and of circles that grew some members know far more people than others.
        """
        found = self._cut_off(SELF_CONTAINED) + EVENNESS * self.uneven
        return np.asarray(np.minimum(found, self._most) - STAGED)

    def _cut_off(self, most_within: float) -> Float64:
        """Return what speaks for a block that is cut off from the others, (G,); less where it is small."""
        found = WEIGHTS["within"] * logit(np.clip(self.within, LEAST, most_within))
        found += WEIGHTS["fading"] * np.log(np.maximum(self.fading, FAINTEST)) + WEIGHTS["closed"] * self.closed
        found -= LESS * np.maximum(np.log(ENOUGH / np.maximum(self.size, 1.0)), 0.0)
        return np.asarray(found)

    @property
    def _most(self) -> Float64:
        return np.asarray(PER_CYCLE * (self.inside - self.size + 1.0))


def shape_of(block: Int64, graph: SocialGraph) -> Shape:
    """Return what the blocks look like.

    Args:
        block: (U,) number of each user's block, -1 for none.
    """
    blocks, users, edges = int(block.max(initial=-1)) + 1, len(block), graph.edges
    pairs = graph.pairs
    degree = np.bincount(pairs.ravel(), minlength=users).astype(np.float64)
    ends = block[pairs]
    inner = (ends[:, 0] == ends[:, 1]) & (ends[:, 0] >= 0)
    size, inside = _sums(block, None, blocks), np.bincount(ends[inner, 0], minlength=blocks).astype(np.float64)
    volume, squares = _sums(block, degree, blocks), _sums(block, degree**2, blocks)
    mean = volume / np.maximum(size, 1.0)
    leaving = _leaving(pairs[~inner], block)
    own = block[leaving[:, 0]]
    return Shape(
        size=size,
        inside=inside,
        within=2.0 * inside / np.maximum(volume, 1.0),
        fading=_mean(own, _ties_back(leaving, own, users) / np.maximum(2.0 * inside / size, 1e-9)[own], blocks),
        closed=_mean(own, _meets_outside(pairs, pairs[~inner], leaving, users), blocks),
        uneven=np.sqrt(np.maximum(squares / np.maximum(size, 1.0) - mean**2, 0.0)) / np.maximum(mean, 1e-9),
        outward=_outward(block, edges, blocks) if graph.directed else np.zeros(blocks),
    )


def _sums(block: Int64, weight: Float64 | None, blocks: int) -> Float64:
    there = block >= 0
    return np.bincount(block[there], None if weight is None else weight[there], minlength=blocks).astype(np.float64)


def _mean(own: Int64, values: Float64, blocks: int) -> Float64:
    count = np.maximum(np.bincount(own, minlength=blocks), 1)
    return np.asarray(np.bincount(own, values, minlength=blocks) / count)


def _leaving(across: Int64, block: Int64) -> Int64:
    """Return the edges out of blocks, (N, 2), seen from the member; one between two blocks from both."""
    both = np.concatenate([across, across[:, ::-1]])
    return np.asarray(both[block[both[:, 0]] >= 0])


def _ties_back(leaving: Int64, own: Int64, users: int) -> Float64:
    """Return how many edges into the block the outer end of each edge has, (N,)."""
    _, place, count = np.unique(own * np.int64(users) + leaving[:, 1], return_inverse=True, return_counts=True)
    return np.asarray(count[place], np.float64)


def _meets_outside(pairs: Int64, across: Int64, leaving: Int64, users: int) -> Float64:
    """Return whether the ends of each edge out of a block have a friend in common outside, (N,)."""
    out = adjacency(across, users, directed=False)
    return np.asarray(common_neighbours(out, adjacency(pairs, users, directed=False), leaving) > 0, np.float64)


def _outward(block: Int64, edges: Int64, blocks: int) -> Float64:
    ends = block[edges]
    crossing = ends[ends[:, 0] != ends[:, 1]]
    out, into = (np.bincount(side[side >= 0], minlength=blocks) for side in crossing.T)
    return np.asarray((out - into) / np.maximum(out + into, 1))
