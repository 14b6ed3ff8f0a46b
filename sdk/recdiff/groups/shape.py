"""What a block of users looks like from outside, and how much that is like accounts that act together.

Friends form dense blocks too, but these fade out: around a circle of friends are others who know several of it, its
members' other friends know each other, and some have many more friends than others. Accounts made to follow each other
keep most of their edges among themselves, the users whom they follow as camouflage know neither the block nor each
other, and one account is like the next. The weights are those of a logistic regression on blocks of real and of planted
accounts; see ``tests/benchmarks/accounts.py``.

Letters: U users, E edges, G blocks, N edges that leave a block.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from scipy.special import logit
from torch import Tensor

from recdiff.arrays import Float64, Int64
from recdiff.graph.shared import Friends, shared_friends
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
LEFT = 1 << 23
"""Edges out of blocks that are looked at together, about, which bounds memory."""


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


def shape_of(block: Int64, graph: SocialGraph, device: torch.device | str = "cpu") -> Shape:
    """Return what the blocks look like.

    Args:
        block: (U,) number of each user's block, -1 for none.
        device: where edges are looked up and counted.
    """
    blocks, users = int(block.max(initial=-1)) + 1, len(block)
    of, pairs = torch.as_tensor(block).to(device), torch.as_tensor(graph.pairs).to(device)
    whole = Friends(pairs, users)
    degree, member = whole.degree.double(), of >= 0
    own, other = (of.int().index_select(0, pairs[:, side]) for side in (0, 1))
    inner = (own == other) & (own >= 0)
    inside = torch.bincount(own[inner], minlength=blocks).double()
    del own, other
    size = torch.bincount(of[member], minlength=blocks).double()
    volume, squares = (torch.bincount(of[member], each[member], minlength=blocks) for each in (degree, degree**2))
    mean = volume / size.clamp(min=1.0)
    across = Friends(pairs[~inner], users)
    del pairs, inner
    fading, closed = torch.zeros_like(inside), torch.zeros_like(inside)
    for first, last in _ranges(volume - 2.0 * inside):
        leaving = _leaving(across.pairs, of, first, last)
        own = of.index_select(0, leaving[:, 0])
        back = _ties_back(leaving, own, users) / (2.0 * inside / size).clamp(min=1e-9)[own]
        fading += _mean(own, back, blocks)
        closed += _mean(own, (shared_friends(across, whole, leaving) > 0).double(), blocks)
    found = {
        "size": size,
        "inside": inside,
        "within": 2.0 * inside / volume.clamp(min=1.0),
        "fading": fading,
        "closed": closed,
        "uneven": (squares / size.clamp(min=1.0) - mean**2).clamp(min=0.0).sqrt() / mean.clamp(min=1e-9),
    }
    return Shape(
        **{name: each.cpu().numpy() for name, each in found.items()},
        outward=_outward(block, graph.edges, blocks) if graph.directed else np.zeros(blocks),
    )


def _mean(own: Tensor, values: Tensor, blocks: int) -> Tensor:
    count = torch.bincount(own, minlength=blocks).clamp(min=1)
    return torch.bincount(own, values, minlength=blocks) / count


def _ranges(leaving: Tensor) -> Iterator[tuple[int, int]]:
    """Yield ranges of blocks, which together have about ``LEFT`` edges out of them, as ``leaving`` (G,) says."""
    reach = leaving.cumsum(0)
    cuts = torch.unique_consecutive((reach / LEFT).long(), return_counts=True)[1].cumsum(0).tolist()
    yield from pairwise([0, *cuts])


def _leaving(across: Tensor, of: Tensor, first: int, last: int) -> Tensor:
    """Return the edges out of the blocks from ``first`` to before ``last``, (N, 2), seen from the member.

    One between two of these blocks is seen from both.
    """
    found = []
    for side in (0, 1):
        own = of.index_select(0, across[:, side])
        chosen = across[(own >= first) & (own < last)]
        found.append(chosen if side == 0 else chosen.flip(1))
    return torch.cat(found)


def _ties_back(leaving: Tensor, own: Tensor, users: int) -> Tensor:
    """Return how many edges into the block the outer end of each edge has, (N,)."""
    keys, order = (own * users + leaving[:, 1]).sort()
    count = torch.unique_consecutive(keys, return_counts=True)[1]
    found = torch.empty(len(keys), dtype=torch.float64, device=keys.device)
    found[order] = count.double().repeat_interleave(count, output_size=len(keys))
    return found


def _outward(block: Int64, edges: Int64, blocks: int) -> Float64:
    ends = block[edges]
    crossing = ends[ends[:, 0] != ends[:, 1]]
    out, into = (np.bincount(side[side >= 0], minlength=blocks) for side in crossing.T)
    return np.asarray((out - into) / np.maximum(out + into, 1))
