"""What decisions say of the edges of a graph. Letters: E edges."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from recdiff.arrays import Float64, Int64, Mask
from recdiff.audit.decisions import ACCOUNT, EDGE, Decision, about_accounts, ends_of, positions
from recdiff.audit.verdict import is_fake_of
from recdiff.data.ids import Ids
from recdiff.graph.edge_index import EdgeIndex
from recdiff.graph.social_graph import SocialGraph
from recdiff.metrics.odds import odds_of
from recdiff.model.told import FAKE, REAL, SILENT, Verdicts

MOVED = 2.0
"""By how much log odds have moved against a decision before it is shown again."""


@dataclass(frozen=True, eq=False)
class Decided:
    """What decisions say of the edges (E, 2) of a graph.

    Attributes:
        verdicts: (E,), 1 fake, 0 real, -1 nothing.
        own: (E,) whether it was decided of the edge itself, not of an account.
        score: (E,) when it was decided, nan where that is not known.
        elsewhere: decisions about what is not in the graph.
    """

    verdicts: Verdicts
    own: Mask
    score: Float64
    elsewhere: int

    @classmethod
    def of(cls, decisions: Iterable[Decision], users: Ids, graph: SocialGraph) -> Decided:
        """Look up what was decided of the edges of ``graph`` among ``users``."""
        told, edges = list(decisions), graph.edges
        said: Verdicts = np.full(len(edges), SILENT, np.int8)
        own, score = np.zeros(len(edges), bool), np.full(len(edges), np.nan)
        at = positions(users, [each.src for each in told if each.what == ACCOUNT])
        fake = about_accounts(told, users) == FAKE
        said[fake[edges].any(axis=1)] = FAKE
        about = [each for each in told if each.what == EDGE]
        pairs = ends_of(about, users)
        known = (pairs >= 0).all(axis=1)
        rows = np.full(len(about), -1)
        if len(edges) and known.any():
            rows[known] = EdgeIndex.of(graph).rows_of(pairs[known])
        for each, row in zip(about, rows.tolist(), strict=True):
            if row >= 0:
                verdict = is_fake_of(each.verdict)
                own[row] = verdict is not None
                if verdict is None:
                    said[row] = FAKE if fake[edges[row]].any() else SILENT
                else:
                    said[row] = FAKE if verdict else REAL
                score[row] = float(each.score) if each.score else np.nan
        return cls(said, own, score, int((at < 0).sum() + (rows < 0).sum()))

    def contradicted(self, score: Float64) -> Int64:
        """Return the edges whose decision the scores (E,) of now speak against, as they did not when it was taken."""
        now = odds_of(score)
        before = np.where(np.isnan(self.score), 0.0, odds_of(np.nan_to_num(self.score, nan=0.5)))
        against = np.where(self.verdicts == FAKE, -1.0, 1.0)
        strong = (against * now > 0.0) & (against * (now - before) >= MOVED)
        return np.flatnonzero(self.own & strong)
