"""Friends that two users have in common, of many pairs at once, on a processor or on a card.

A card looks up whether (v, m) is an edge for every friend m of u, u the end with fewer friends: edges are sorted keys.

Letters: U users, E edges, M pairs, N friends looked up.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from recdiff.graph.adjacency import adjacency
from recdiff.graph.pairs import common_neighbours

LOOKED_UP = 1 << 25
"""Friends looked up at a time."""


@dataclass(frozen=True, eq=False)
class Friends:
    """Who is tied to whom, whatever the direction.

    Attributes:
        pairs: (E, 2) distinct pairs of users; users: U.
    """

    pairs: Tensor
    users: int

    @cached_property
    def degree(self) -> Tensor:
        """How many friends each user has, (U,)."""
        return torch.bincount(self.pairs.reshape(-1), minlength=self.users)

    @cached_property
    def adjacency(self) -> sp.csr_matrix:
        """The pairs as a matrix (U, U) of ones, a byte each, on the processor."""
        return adjacency(self.pairs.cpu().numpy(), self.users, directed=False, kind=np.int8)

    @cached_property
    def keys(self) -> Tensor:
        """One number for each pair and direction, rising, (2 E,)."""
        both = torch.cat([self.pairs, self.pairs.flip(1)]).long()
        return (both[:, 0] * self.users + both[:, 1]).sort().values

    @cached_property
    def begins(self) -> Tensor:
        """Where each user's keys begin, (U,)."""
        return self.degree.cumsum(0) - self.degree

    def tied(self, keys: Tensor) -> Tensor:
        """Return which ``keys`` (N,) are ties."""
        place = torch.searchsorted(self.keys, keys).clamp(max=len(self.keys) - 1)
        return self.keys.index_select(0, place) == keys


def shared_friends(first: Friends, second: Friends, pairs: Tensor) -> Tensor:
    """Return how many friends of the one end, in ``first``, are friends of the other, in ``second``, (M,).

    Args:
        pairs: (M, 2), ends of which the first is the one.
    """
    if not len(pairs) or not len(first.pairs) or not len(second.pairs):
        return pairs.new_zeros(len(pairs))
    if pairs.device.type == "cpu":
        found = common_neighbours(first.adjacency, second.adjacency, pairs.numpy())
        return torch.as_tensor(found.astype(np.int64))
    return looked_up(first, second, pairs)


def looked_up(first: Friends, second: Friends, pairs: Tensor) -> Tensor:
    """Return ``shared_friends`` as a card finds them."""
    pairs = pairs.long()
    found = pairs.new_zeros(len(pairs))
    fewer = first.degree.index_select(0, pairs[:, 0]) <= second.degree.index_select(0, pairs[:, 1])
    for rows, near, far, side in ((fewer, first, second, 0), (~fewer, second, first, 1)):
        chosen = rows.nonzero().squeeze(1)
        ends, others = pairs[chosen, side], pairs[chosen, 1 - side]
        count = near.degree.index_select(0, ends)
        reach = count.cumsum(0)
        parts = int(reach[-1]) // LOOKED_UP if len(reach) else 0
        cuts = torch.searchsorted(reach, LOOKED_UP * torch.arange(1, parts + 1, device=reach.device)).tolist()
        for start, stop in pairwise([0, *cuts, len(chosen)]):
            part = slice(start, stop)
            total = int(count[part].sum())
            pair = torch.arange(stop - start, device=count.device).repeat_interleave(count[part], output_size=total)
            before = count[part].cumsum(0) - count[part]
            begins = near.begins.index_select(0, ends[part]) - before
            friend = near.keys[begins.index_select(0, pair) + torch.arange(total, device=count.device)] % near.users
            there = far.tied(others[part].index_select(0, pair) * far.users + friend)
            found[chosen[part]] = torch.bincount(pair[there], minlength=stop - start)
    return found
