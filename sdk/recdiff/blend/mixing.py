"""Scores of several members made alike and added up, with NumPy alone: runtimes do it for somebody new.

Letters: B users, I items.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from recdiff.arrays import Float32, Float64
from recdiff.blend.names import OURS

Rows = dict[str, Float32]


def standardised(scores: Float32) -> Float32:
    """Return ``scores`` (B, I) less each row's mean, over its standard deviation, in place; rows of one value are 0."""
    deviation = deviations(scores)
    scores -= scores.mean(axis=1, dtype=np.float64, keepdims=True).astype(np.float32)
    scores *= np.where(deviation > 0, 1.0 / np.where(deviation > 0, deviation, 1.0), 0.0).astype(np.float32)[:, None]
    return scores


def deviations(scores: Float32) -> Float64:
    """Return the standard deviation of each row of ``scores`` (B, I), (B,); exactly 0 for rows of one value."""
    flat = scores.max(axis=1) == scores.min(axis=1)
    return np.where(flat, 0.0, scores.std(axis=1, dtype=np.float64))


def weighed(rows: Rows, weights: Mapping[str, float]) -> Float32:
    """Return the weighed sum of standardised rows (B, I); who says nothing of a user leaves it to the recommender.

    Members are added in the order of their names, so that a model which was read from its folder rounds the same.
    """
    ours = rows[OURS]
    total = np.zeros_like(ours)
    for name, weight in sorted(weights.items()):
        said = rows[name]
        total += np.float32(weight) * np.where(said.any(axis=1, keepdims=True), said, ours)
    return total
