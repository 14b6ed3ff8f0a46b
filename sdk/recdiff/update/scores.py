"""Scores of new edges, each by rows that did not see it, and the rows that all of them lead to.

Letters: B new edges, M touched users, F table columns, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recdiff.arrays import Float32, Float64, Half, Int64
from recdiff.config.scorer import ScorerConfig
from recdiff.scorer.fit import SMALLEST_WEIGHT
from recdiff.scorer.pair_scorer import PairScorer, chance_of, log_odds, pair_features
from recdiff.scorer.untaught.answers import silence
from recdiff.update.larger import Larger
from recdiff.update.rows import Rows

BLOCK = 1 << 13
"""Edges scored at once, which bounds memory."""


@dataclass(frozen=True, eq=False)
class Scored:
    """What is known of new edges, and the table that they lead to.

    Attributes:
        odds: (B,) log odds of being fake, before calibration. kind: (B,) place of the kind that each resembles most.
        weight: (B,) of each in the graph.
        table: (M, F) rows of the touched users. latent: (M, D) what of them is denoised; no columns without a denoiser.
    """

    odds: Float64
    kind: Int64
    weight: Float32
    table: Half
    latent: Float32


def score_new(larger: Larger, pair: PairScorer, config: ScorerConfig) -> Scored:
    """Score the new edges of ``larger`` twice, as a fit does: all alike, and then weighted by the chance to be real."""
    weight = np.ones(len(larger.new))
    odds, kind = _scored(Rows(larger, config, weight), pair)
    weight = np.maximum(1.0 - chance_of(odds, pair.calibration).astype(np.float64), SMALLEST_WEIGHT)
    rows = Rows(larger, config, weight)
    odds, kind = _scored(rows, pair)
    table, latent = rows.all()
    return Scored(odds, kind, weight.astype(np.float32), table, latent)


def _scored(rows: Rows, pair: PairScorer) -> tuple[Float64, Int64]:
    """Return log odds (B,) and the likeliest kind (B,) of the new edges."""
    larger = rows.larger
    count = len(larger.new)
    odds, kind = np.empty(count), np.empty(count, np.int64)
    graph = larger.graph
    said = np.zeros(count)
    if graph.directed and count:
        said = silence(graph.edges, graph.num_users, larger.times)[larger.fitted :]
    for start in range(0, count, BLOCK):
        which = np.arange(start, min(start + BLOCK, count))
        ends = np.concatenate([rows.table(rows.leaving_out(which, side)) for side in (0, 1)])
        z = pair.logits(pair_features(ends, np.stack([which - start, which - start + len(which)], axis=1), pair.terms))
        z[:, 0] -= said[which]
        odds[which], kind[which] = log_odds(z, pair.alike), z[:, 1:].argmax(axis=1)
    return odds, kind
