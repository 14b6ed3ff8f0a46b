"""Random walks of three steps, user to item to user to item (Cooper et al., 2014; Paudel et al., 2017)."""

from __future__ import annotations

import numpy as np

from recdiff.baselines.task import Task, degrees, inverse, products, scaled
from recdiff.blend.walks import walk_table
from recdiff.metrics.ranking import Score


def fit_p3alpha(task: Task, alpha: float, neighbours: int) -> Score:
    """Score by the probability of the walk, each transition raised to ``alpha``."""
    return fit_rp3beta(task, alpha, 0.0, neighbours)


def fit_rp3beta(task: Task, alpha: float, beta: float, neighbours: int) -> Score:
    """Score by the probability of the walk, divided by the last item's popularity to the power ``beta``."""
    users, items = degrees(task.train)
    to_items = scaled(inverse(users, alpha), task.train, np.ones(len(items)))
    return products(to_items, walk_table(task.train, alpha, beta, neighbours).matrix)
