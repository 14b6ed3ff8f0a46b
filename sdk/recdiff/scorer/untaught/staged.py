"""Edges of groups that one hand made: fakes that are seen in a group as a whole, and in no pair of users.

Inside, a farm is a community like others, so the networks over pairs take its edges for real ones. What gives it away
is how it is cut off from the rest and how alike its members are (``groups.shape``). With g(u) how much u's group looks
made, less where u strays from it, an edge is one of such a group with the log odds

    max(v(src), v(dst)),    v = min(4 h, 2) where h > 0, else 8 h,    h = min(g, g - m - 2),

and v = -12 for users in no group, or where it would be less. m is the median of g over the edges: what most groups of a
graph look like is what groups look like there, and a made one stands out. Both slopes are steep: many edges touch a
group, and most groups grew.

Letters: U users, B edges, G groups, N draws.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.special import expit
from torch import Tensor

from recdiff.arrays import Float32, Float64, Int64
from recdiff.graph.social_graph import SocialGraph
from recdiff.groups.find import find_members, of_members

STAGED = "staged"
"""The kind, and the column, which holds -v: the lesser of two is then minus the larger v."""
SUREST, LEAST = 2.0, -12.0
RISE, FALL = 4.0, 8.0
STANDS_OUT = 2.0


@dataclass(frozen=True, eq=False)
class Staged:
    """How much the group of each user looks made.

    Attributes:
        odds: (U,) v. group: (U,) number of the user's group, -1 for none.
    """

    odds: Float64
    group: Int64

    @classmethod
    def of(cls, graph: SocialGraph, times: Float64 | None = None, device: torch.device | str = "cpu") -> Staged:
        """Find the groups in ``graph``, whose edges came about at ``times`` (E,), nan where unknown."""
        groups = find_members(graph, times, device)
        made = np.nan_to_num(of_members(groups, graph.edges, groups.staged), nan=LEAST)
        worse = made[graph.edges[:, 0]]
        np.maximum(worse, made[graph.edges[:, 1]], out=worse)
        usual = float(np.median(worse, overwrite_input=True))
        apart = np.minimum(made, made - usual - STANDS_OUT)
        odds = np.where(apart > 0, np.minimum(RISE * apart, SUREST), np.maximum(FALL * apart, LEAST))
        return cls(odds, groups.member)

    @property
    def column(self) -> Float32:
        """The column of the table, (U, 1)."""
        return np.asarray(-self.odds, np.float32)[:, None]

    def chance(self, edges: Int64) -> Float64:
        """Return how likely each of ``edges`` (B, 2) is one of a made group, (B,)."""
        return np.asarray(expit(np.maximum(self.odds[edges[:, 0]], self.odds[edges[:, 1]])))

    def chance_there(self, edges: Tensor) -> Tensor:
        """Return ``chance`` of edges (B, 2) that lie on a device, there."""
        odds = torch.as_tensor(self.odds).to(edges.device)
        return torch.maximum(*(odds.index_select(0, edges[:, side]) for side in (0, 1))).sigmoid()

    def share(self, edges: Int64, weight: Float64, draws: int, rng: np.random.Generator) -> Float64:
        """Return draws (N,) of the share of ``edges`` (B, 2) that are of made groups; each counts ``weight`` (B,).

        A group was made or it was not, so its edges are fake together.
        """
        first = self.odds[edges].argmax(axis=1)
        group = self.group[edges[np.arange(len(edges)), first]]
        chance, found = self.chance(edges), np.zeros(draws)
        named = np.unique(group[(group >= 0) & (chance > expit(LEAST))])
        order = np.lexsort((chance, group))
        starts, stops = (np.searchsorted(group[order], named, side=side) for side in ("left", "right"))
        for start, stop in zip(starts.tolist(), stops.tolist(), strict=True):
            rows = order[start:stop]
            above = np.append(np.cumsum(weight[rows][::-1])[::-1], 0.0)
            found += above[np.searchsorted(chance[rows], rng.random(draws))]
        return found / max(len(edges), 1)
