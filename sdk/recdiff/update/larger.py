"""A graph that was fitted, and what has come to it since.

Letters: U users, I items, E edges fitted, B new edges, F table columns, M users with something new.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp

from recdiff.arrays import Float32, Float64, Half, Int64, Mask
from recdiff.graph.pairs import answered
from recdiff.graph.social_graph import SocialGraph
from recdiff.scorer.growth import Growth, column
from recdiff.scorer.pair_scorer import Span
from recdiff.scorer.table import Tastes


@dataclass(frozen=True, eq=False)
class Larger:
    """A fitted graph with the new edges behind the others.

    Attributes:
        graph: of all E + B edges, the fitted ones first, and U users.
        times: (E + B,) when each came about, nan where unknown; or None.
        fitted: E.
        known: (U,) which users had a row.
        used: (M', I) interactions of users to whom some came; users: (M',) who they are.
        fraction: of how many interactions a fit's table counts one.
        at: where the named columns of the table lie; table: (U, F), zeros where there is no row yet.
        growth: of the fit.
    """

    graph: SocialGraph
    times: Float64 | None
    fitted: int
    known: Mask
    users: Int64
    used: sp.csr_matrix
    fraction: float
    at: Mapping[str, Span]
    table: Half
    growth: Growth

    @property
    def new(self) -> Int64:
        """The new edges, (B, 2)."""
        return self.graph.edges[self.fitted :]

    @cached_property
    def touched(self) -> Int64:
        """The users with something new, rising, (M,)."""
        return np.unique(np.concatenate([self.new.ravel(), self.users]))

    @cached_property
    def friends(self) -> Float64:
        """How many edges each user has, (U,)."""
        return np.bincount(self.graph.edges.ravel(), minlength=self.graph.num_users).astype(np.float64)

    @cached_property
    def answered(self) -> Mask:
        """Whether the reverse of each edge is one too, (E + B,)."""
        return answered(self.graph.edges, self.graph.num_users)

    @cached_property
    def counts(self) -> tuple[Float64, Float64]:
        """How many edges each user sends, and receives, and how many of either are answered, (U, 2) each."""
        sides = []
        for side in (0, 1):
            ends = self.graph.edges[:, side]
            several = [np.bincount(each, minlength=self.graph.num_users) for each in (ends, ends[self.answered])]
            sides.append(np.stack(several, axis=1).astype(np.float64))
        return sides[0], sides[1]

    @cached_property
    def tastes(self) -> tuple[Float32, Float32]:
        """Taste (U, T) and log number of items (U,) of all users, by what they use now; no columns without items."""
        if "taste" not in self.at:
            return np.empty((self.graph.num_users, 0), np.float32), np.zeros(self.graph.num_users, np.float32)
        taste, items = column(self.table, self.at, "taste"), column(self.table, self.at, "items")[:, 0]
        if len(self.users):
            described = Tastes.learned(self.growth.rarity, self.growth.directions).describe(self.used)
            taste[self.users] = described["taste"].numpy()
            items[self.users] = np.log1p(self.fraction * np.diff(self.used.indptr))
        return taste, items

    def around(self, values: Float64 | Float32, weight: Float64 | Float32) -> Float64:
        """Return the sum of ``values`` (U, n) over the edges of each touched user, (M, n), by their ``weight``."""
        place = np.full(self.graph.num_users, -1)
        place[self.touched] = np.arange(len(self.touched))
        rows, others, parts = [], [], []
        for own, other in ((0, 1), (1, 0)):
            found = np.flatnonzero(place[self.graph.edges[:, own]] >= 0)
            rows.append(place[self.graph.edges[found, own]])
            others.append(self.graph.edges[found, other])
            parts.append(weight[found])
        cells = np.concatenate(rows), np.concatenate(others)
        matrix = sp.csr_matrix((np.concatenate(parts), cells), shape=(len(self.touched), self.graph.num_users))
        return np.asarray(matrix @ values, np.float64)
