"""Which edges to remove, given their fake scores: policies as pure functions.

Letters: E edges, U users.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from recdiff.arrays import Float32, Mask
from recdiff.errors import UsageError

if TYPE_CHECKING:
    # It needs SciPy, which the runtime does without.
    from recdiff.graph.social_graph import SocialGraph

DEFAULT_THRESHOLD = 0.5


@dataclass(frozen=True)
class Policy:
    """How edges are chosen for removal; exactly one of the first four says how many.

    Attributes:
        threshold: remove where fake_score >= threshold.
        remove_share: remove this share of all edges, the worst first.
        min_precision: remove as many, worst first, as keep the expected share of fakes among them this high.
        guarantee: remove only what keeps the expected share of real edges among it below this, see ``removed``.
        keep_degree: leave every user this many edges (or all, where there are fewer): the least suspicious.
    """

    threshold: float | None = None
    remove_share: float | None = None
    min_precision: float | None = None
    guarantee: float | None = None
    keep_degree: int = 0

    def __post_init__(self) -> None:
        given = {name: value for name, value in self.given().items() if name != "keep_degree"}
        if len(given) > 1:
            raise UsageError(f"{' and '.join(given)} exclude each other; give one of them")
        for name, value in given.items():
            if not 0.0 <= value <= 1.0:
                raise UsageError(f"{name} = {value}: expected a number from 0 to 1")
        if self.keep_degree < 0:
            raise UsageError(f"keep_degree = {self.keep_degree}: expected 0 or more edges per user")

    def given(self) -> dict[str, float]:
        """Return the settings that are given, by name."""
        return {name: value for name, value in vars(self).items() if value is not None}


def removed(graph: SocialGraph, fake_score: Float32, policy: Policy, found: Mask | None = None) -> Mask:
    """Return which edges of ``graph`` the ``policy`` removes, (E,) bool.

    Args:
        fake_score: (E,), the calibrated probability that an edge is fake.
        found: (E,), which edges a guarantee allows to remove, instead of the score.
    """
    chosen = _chosen(np.asarray(fake_score, np.float64), policy) if found is None else found
    return chosen & ~_protected(graph, fake_score, chosen, policy.keep_degree)


def expectation(fake_score: Float32, chosen: Mask) -> dict[str, Any]:
    """Return what the scores say about a choice of edges.

    Keys: edges, removed, estimated_fake_share (mean fake_score of all), expected_fake_removed,
    expected_real_removed, expected_fake_kept (sums over the edges concerned).
    """
    score = np.asarray(fake_score, np.float64)
    return {
        "edges": len(score),
        "removed": int(chosen.sum()),
        "estimated_fake_share": float(score.mean()) if len(score) else 0.0,
        "expected_fake_removed": float(score[chosen].sum()),
        "expected_real_removed": float((1.0 - score[chosen]).sum()),
        "expected_fake_kept": float(score[~chosen].sum()),
    }


def fakes_kept(found: Mapping[str, float], low: float, high: float) -> tuple[float, float]:
    """Return between which numbers the fakes among the kept edges lie, with a share of ``low`` to ``high`` in all.

    Args:
        found: what ``expectation`` returned.
    """
    removed = found["expected_fake_removed"]
    least, most = (max(0.0, share * found["edges"] - removed) for share in (low, high))
    return least, most


def _chosen(score: NDArray[np.float64], policy: Policy) -> Mask:
    if policy.remove_share is None and policy.min_precision is None:
        return score >= (DEFAULT_THRESHOLD if policy.threshold is None else policy.threshold)
    worst = np.argsort(-score, kind="stable")
    if policy.remove_share is not None:
        count = int(policy.remove_share * len(score))
    else:
        precision = np.cumsum(score[worst]) / np.arange(1, len(score) + 1)
        count = int(np.searchsorted(-precision, -float(policy.min_precision or 0.0), side="right"))
    chosen = np.zeros(len(score), bool)
    chosen[worst[:count]] = True
    return chosen


def _protected(graph: SocialGraph, fake_score: Float32, chosen: Mask, keep_degree: int) -> Mask:
    """Mark the ``keep_degree`` least suspicious edges of each user who would be left with fewer."""
    edges = graph.edges
    protected = np.zeros(len(edges), bool)
    if keep_degree == 0 or not chosen.any():
        return protected
    left = np.bincount(edges[~chosen].ravel(), minlength=graph.num_users)
    user = edges.T.ravel()
    edge = np.tile(np.arange(len(edges)), 2)
    poor = left[user] < keep_degree
    user, edge = user[poor], edge[poor]
    order = np.lexsort((fake_score[edge], user))
    user, edge = user[order], edge[order]
    first = np.searchsorted(user, user, side="left")
    protected[edge[np.arange(len(user)) - first < keep_degree]] = True
    return protected
