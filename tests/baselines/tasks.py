"""A small comparison with weighted edges, which several systems are checked on."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from recdiff.baselines.task import Judge, Task
from recdiff.graph.social_graph import SocialGraph
from recdiff.metrics.ranking import Score

LONER, UNSEEN = 5, 3
"""A user without edges, and an item without users."""


def first_two(score: Score) -> float:
    """Return the sum of the first two users' scores: a judge that likes some epochs better than others."""
    return float(score(np.arange(2)).sum())


def weighted_task(
    shape: tuple[int, int],
    bought: float,
    tied: float,
    *,
    directed: bool,
    idle: bool = True,
    either_way: bool = False,
    judge: Judge = first_two,
) -> Task:
    """Return interactions and edges drawn with the chances ``bought`` and ``tied``; one edge has the weight 0.

    Args:
        shape: users, items.
        idle: the user without edges uses nothing either, and nobody uses one item.
        either_way: edges may go both ways between two users, and to the user from whom none goes.
    """
    rng, users = np.random.default_rng(0), shape[0]
    train = (rng.random(shape) < bought).astype(np.float32)
    if idle:
        train[:, UNSEEN] = train[LONER] = 0
    drawn = rng.random((users, users)) < tied
    a, b = np.nonzero(drawn & ~np.eye(users, dtype=bool) if either_way else np.triu(drawn, 1))
    edges = np.stack([a, b], axis=1)[(a != LONER) & (either_way | (b != LONER))]
    weight = rng.uniform(0.2, 1, len(edges)).astype(np.float32)
    weight[0] = 0
    return Task(sp.csr_matrix(train), SocialGraph(edges, users, directed), judge, edge_weight=weight)
