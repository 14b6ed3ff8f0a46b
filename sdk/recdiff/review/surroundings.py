"""Who is around an account: its edges, and the part of the graph that is drawn. Letters: U users, E edges, K drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recdiff.arrays import Float32, Int64
from recdiff.graph.social_graph import SocialGraph

DRAWN = 36


@dataclass(frozen=True, eq=False)
class Surroundings:
    """The edges by their ends.

    Attributes:
        pairs: (E, 2). scores: (E,) fake scores of the edges.
        starts: (U + 1,); rows: (2 E,), those of user u from starts[u] to starts[u + 1].
    """

    pairs: Int64
    scores: Float32
    starts: Int64
    rows: Int64

    @classmethod
    def of(cls, graph: SocialGraph, scores: Float32) -> Surroundings:
        """Sort the edges of ``graph`` by their ends."""
        ends = graph.edges.ravel()
        order = np.argsort(ends, kind="stable")
        starts = np.searchsorted(ends[order], np.arange(graph.num_users + 1))
        return cls(graph.edges, scores, starts, order // 2)

    def edges_of(self, user: int) -> Int64:
        """Return the rows of the user's edges, the most suspicious first."""
        rows = np.unique(self.rows[self.starts[user] : self.starts[user + 1]])
        return rows[np.argsort(-self.scores[rows], kind="stable")]

    def others(self, user: int) -> tuple[Int64, Int64]:
        """Return the rows of the user's edges, the most suspicious first, and who is at their other ends."""
        rows = self.edges_of(user)
        return rows, self.pairs[rows].sum(axis=1) - user

    def drawn(self, centres: Int64) -> tuple[Int64, Int64]:
        """Return the users (K,) that are drawn, ``centres`` first, and the rows of all edges among them.

        Whoever is tied to more of the centres comes first, then whose edge is more suspicious.
        """
        centres = np.asarray(list(dict.fromkeys(centres.tolist())), np.int64)
        found = [self.others(int(each)) for each in centres]
        around = np.concatenate([np.empty(0, np.int64), *(other for _, other in found)])
        score = np.concatenate([np.empty(0), *(self.scores[rows] for rows, _ in found)])
        users, place = np.unique(around, return_inverse=True)
        tied = np.bincount(place, minlength=len(users))
        worst = np.zeros(len(users))
        np.maximum.at(worst, place, score)
        order = np.lexsort((users, -worst, -tied))
        neighbours = users[order][~np.isin(users[order], centres)][: max(DRAWN - len(centres), 0)]
        shown = np.concatenate([centres, neighbours])
        rows = np.unique(np.concatenate([np.empty(0, np.int64), *(self.edges_of(int(each)) for each in shown)]))
        return shown, rows[np.isin(self.pairs[rows], shown).all(axis=1)]
