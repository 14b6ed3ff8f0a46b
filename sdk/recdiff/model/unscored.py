"""A model of too few edges for a scorer: it recommends, and says of edges what can be counted."""

from __future__ import annotations

import numpy as np

from recdiff.config.scorer import ScorerConfig
from recdiff.scorer.fitted import Scorer
from recdiff.scorer.pair_scorer import PairScorer, PairTerm

KIND = "other"


def why_unscored(edges: int, config: ScorerConfig) -> str | None:
    """Say why a graph of so many edges gets no scorer; None where it gets one."""
    if edges >= config.least_edges:
        return None
    return (
        f"{edges} social edge{'s' if edges > 1 else ''} cannot show what a fake looks like (at least "
        f"{config.least_edges} are needed), so edges have counts and no fake_score"
    )


def blank_scorer(num_users: int, num_edges: int) -> Scorer:
    """Return a scorer that knows nothing: no score for any fitted edge, and formulas that are never asked."""
    zeros = np.zeros((2, 1), np.float32), np.zeros(2, np.float32)
    pair = PairScorer(
        terms=(PairTerm("sum", (0, 1), (0, 1)),),
        mean=np.zeros(1, np.float32),
        scale=np.ones(1, np.float32),
        clip=1.0,
        layers=(zeros,),
        offset=np.zeros(2, np.float32),
    )
    none = np.empty((0, 0), np.float32)
    return Scorer(
        pair=pair,
        table=np.zeros((num_users, 1), np.float16),
        columns={},
        kinds=(KIND,),
        edge_scores=np.full(num_edges, np.nan, np.float32),
        edge_kinds=np.zeros((num_edges, 1), np.float32),
        edge_log_odds=np.zeros(num_edges),
        shares={},
        interval=(0.0, 1.0),
        movement=np.empty(0, np.float32),
        latent=none,
        denoised=none,
        denoiser=None,
    )
