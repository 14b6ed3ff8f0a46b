"""Edges of accounts that look like those labelled fake.

Labels of accounts say what such accounts are like, and little of their edges one by one: most edges of labelled fakes
join them to each other, and who looks for more of these misses those to others. So the accounts are judged as a whole,
by the scores that their edges have without the labels (``accounts.scores``), and an edge is fake with the log odds

    max(v(src), v(dst)),    v the log odds that an account is fake.

Letters: U users, I items, E edges.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from recdiff.accounts.scores import Evidence, judge_accounts
from recdiff.arrays import Float32, Float64, Int64
from recdiff.graph.social_graph import SocialGraph

ACCOUNT = "account"
"""The kind, and the column, which holds -v: the lesser of two is then minus the larger v."""


@dataclass(frozen=True, eq=False)
class LabelledAccounts:
    """What is known of accounts: ``known`` (U,), 1 fake, 0 real, -1 nothing, and what all of them use, (U, I)."""

    known: Int64
    items: sp.csr_matrix

    @classmethod
    def of(cls, known: Int64 | None, train: sp.csr_matrix | None, num_users: int) -> LabelledAccounts | None:
        """Return what ``known`` (U,) says beside the interactions ``train``; None where it says nothing."""
        if known is None or known.max(initial=-1) < 0:
            return None
        return cls(known, sp.csr_matrix((num_users, 0), dtype=np.float32) if train is None else train)

    def column(self, graph: SocialGraph, scores: Float32, times: Float64 | None) -> Float32:
        """Return the column of the table, (U, 1), where the edges have ``scores`` (E,) without the labels."""
        judged = judge_accounts(Evidence(graph, scores, self.items, times=times, known=self.known))
        return np.asarray(-judged.log_odds, np.float32)[:, None]

    def of_edges(self, edges: Int64) -> Int64:
        """Return what is known of ``edges`` (E, 2): 1 where an end is fake, 0 where both are real, else -1."""
        ends = self.known[edges]
        return np.where((ends == 1).any(axis=1), 1, np.where((ends == 0).all(axis=1), 0, -1))
