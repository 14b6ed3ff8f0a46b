"""Why the edges of a fitted model got their scores. Letters: U users, I items, N features."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp

from recdiff.arrays import Float32, Int64
from recdiff.data.problems import shorten
from recdiff.errors import UsageError
from recdiff.graph.adjacency import social_adjacency
from recdiff.metrics.odds import odds_of
from recdiff.model.contributions import Contributions, contributions
from recdiff.model.explanation import NAMED, explain_edge
from recdiff.model.fitted import Fitted
from recdiff.scorer.pair_scorer import pair_features

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
    def _others(self) -> Float32:
        fitted = self.fitted
        rows = np.linspace(0, fitted.edges.num_rows - 1, OTHERS).astype(np.int64)
        return pair_features(fitted.table, fitted.pairs[rows], fitted.pair.terms)

    def parts(self, pair: Int64) -> Contributions | None:
        """Return what each part adds to the log odds of ``pair`` (1, 2); None where the fit is of an older version."""
        fitted = self.fitted
        columns = fitted.calibration.get("columns")
        if columns is None:
            return None
        odds = float(odds_of(fitted.score_pairs(pair))[0])
        features = pair_features(fitted.table, pair, fitted.pair.terms)[0]
        spans = {name: (int(first), int(last)) for name, (first, last) in columns.items()}
        return contributions(fitted.pair, spans, features, self._others, odds)

    def common(self, pair: Int64) -> tuple[Int64, Int64]:
        """Return the friends and the items that both ends of ``pair`` (1, 2) have."""
        one, other = pair[0]
        return _shared(self._friends, one, other), _shared(self.fitted.seen, one, other)

    def evidence(self, pair: Int64) -> dict[str, Any]:
        """Return fake_score, kind and evidence of ``pair`` (1, 2); counted is what ``common`` names."""
        row = self.fitted.evidence_of(pair)
        counts = zip(("common_friends", "shared_items"), map(len, self.common(pair)), strict=True)
        return row | {name: count for name, count in counts if row.get(name) is not None}

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
