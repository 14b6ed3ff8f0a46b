"""Why the edges of a fitted model got their scores. Letters: U users, I items, N features."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp

from recdiff.arrays import Float64, Int64
from recdiff.data.problems import shorten
from recdiff.errors import UsageError
from recdiff.graph.adjacency import social_adjacency
from recdiff.metrics.odds import odds_of
from recdiff.model.contributions import Contributions, Seen, contributions
from recdiff.model.explanation import NAMED, explain_edge
from recdiff.model.fitted import Fitted
from recdiff.scorer.pair_scorer import pair_features
from recdiff.scorer.untaught.answers import silence

OTHERS = 16
"""Edges that stand for all others, spread over the fitted ones."""


@dataclass(frozen=True, eq=False)
class Explainer:
    """What explanations of one model's edges have in common."""

    fitted: Fitted

    @cached_property
    def _friends(self) -> sp.csr_matrix:
        return social_adjacency(self.fitted.pairs, len(self.fitted.users), directed=False)

    @cached_property
    def _answers(self) -> Float64:
        """What an answer, or none, adds to the log odds of each fitted edge, (E,)."""
        fitted = self.fitted
        if not fitted.directed:
            return np.zeros(fitted.edges.num_rows)
        return silence(fitted.pairs, len(fitted.users), fitted.edge_times)

    @cached_property
    def _others(self) -> Seen:
        fitted = self.fitted
        rows = np.linspace(0, fitted.edges.num_rows - 1, OTHERS).astype(np.int64)
        return Seen(pair_features(fitted.table, fitted.pairs[rows], fitted.pair.terms), self._answers[rows])

    def parts(self, pair: Int64) -> Contributions | None:
        """Return what each part adds to the log odds of ``pair`` (1, 2); None where the fit is of an older version."""
        fitted = self.fitted
        columns = fitted.calibration.get("columns")
        if columns is None:
            return None
        odds = float(odds_of(fitted.score_pairs(pair))[0])
        features = pair_features(fitted.table, pair, fitted.pair.terms)[0]
        spans = {name: (int(first), int(last)) for name, (first, last) in columns.items()}
        row, others = int(fitted.rows_of(pair)[0]), self._others
        if row < 0:
            # Nobody knows whether an edge that is not there yet will be answered.
            others = replace(others, said=np.zeros(OTHERS))
        edge = Seen(features, self._answers[[row]] if row >= 0 else np.zeros(1))
        return contributions(fitted.pair, spans, edge, others, odds)

    def common(self, pair: Int64) -> tuple[Int64, Int64]:
        """Return the friends and the items that both ends of ``pair`` (1, 2) have."""
        one, other = pair[0]
        return _shared(self._friends, one, other), _shared(self.fitted.seen, one, other)

    def evidence(self, pair: Int64) -> dict[str, Any]:
        """Return fake_score, kind and evidence of ``pair`` (1, 2); counted is what ``common`` names."""
        row = self.fitted.evidence_of(pair) | self._answered(pair)
        counts = zip(("common_friends", "shared_items"), map(len, self.common(pair)), strict=True)
        return row | {name: count for name, count in counts if row.get(name) is not None}

    def _answered(self, pair: Int64) -> dict[str, Any]:
        """Return whether the directed edge ``pair`` (1, 2) has a reverse, and how many seconds lie between the two."""
        fitted = self.fitted
        if not fitted.directed:
            return {}
        row, back = (int(fitted.rows_of(each)[0]) for each in (pair, pair[:, ::-1]))
        times = fitted.edge_times
        gap = abs(float(times[row] - times[back])) if times is not None and min(row, back) >= 0 else np.nan
        return {"answered": back >= 0, "answer_gap": gap if np.isfinite(gap) else None}

    def lines(self, src: Any, dst: Any, pair: Int64) -> list[str]:
        """Return sentences about ``pair`` (1, 2), which is called ``src`` - ``dst``.

        Raises:
            UsageError: both are the same user.
        """
        fitted = self.fitted
        if pair[0, 0] == pair[0, 1]:
            raise UsageError(f"{shorten(src)} twice: an edge joins two different users; give both ends")
        row = self.evidence(pair)
        friends, items = (each[:NAMED] for each in self.common(pair))
        named = fitted.users.take(friends).to_pylist(), fitted.items.take(items).to_pylist() if len(items) else []
        level = float(fitted.calibration["noise_level"])
        return explain_edge(src, dst, row, level, found=self.parts(pair), names=named)


def _shared(matrix: sp.csr_matrix, one: int, other: int) -> Int64:
    """Return the columns that two rows share."""
    return np.asarray(np.intersect1d(matrix[[one]].indices, matrix[[other]].indices), np.int64)
