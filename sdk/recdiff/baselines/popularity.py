"""The most popular items for everybody: what any personal model must beat."""

from __future__ import annotations

import numpy as np

from recdiff.arrays import Float32, Int64
from recdiff.baselines.task import Task, degrees
from recdiff.metrics.ranking import Score


def fit_popularity(task: Task) -> Score:
    """Score an item by the number of its training interactions."""
    _, counts = degrees(task.train)
    row = counts.astype(np.float32)

    def score(users: Int64) -> Float32:
        return np.tile(row, (len(users), 1))

    return score
