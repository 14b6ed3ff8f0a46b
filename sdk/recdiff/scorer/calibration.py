"""Make fake scores mean probabilities: match a known or estimated share, or known labels.

fake_score = sigmoid(a s + b) of the posterior log odds s. Letters: B ties.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit

from recdiff.arrays import Float64
from recdiff.errors import UsageError

WIDEST = 60.0
NEWTON_STEPS = 50
RIDGE = 1e-3


def intercept_for_share(log_odds: Float64, share: float, slope: float = 1.0) -> float:
    """Return b such that the mean of sigmoid(slope * s + b) over ``log_odds`` (B,) is ``share``.

    Raises:
        UsageError: where ``share`` is not strictly between 0 and 1, or there are no ties.
    """
    if not 0.0 < share < 1.0:
        raise UsageError(f"fake share {share}: expected a number between 0 and 1, both excluded")
    if not len(log_odds):
        raise UsageError("no ties to calibrate on")
    low, high = (-slope * float(each) for each in (log_odds.max(), log_odds.min()))
    found: float = brentq(lambda b: expit(slope * log_odds + b).mean() - share, low - WIDEST, high + WIDEST)
    return found


def fit_logistic(log_odds: Float64, is_fake: NDArray[np.bool_]) -> tuple[float, float]:
    """Return the (a, b) that fit known labels best (Platt scaling): a >= 0, so that the order stays.

    Minimises the log loss with a ridge that pulls towards (1, 0).

    Raises:
        UsageError: where the labels are all the same.
    """
    target = np.asarray(is_fake, np.float64)
    if not 0.0 < target.mean() < 1.0:
        raise UsageError("labels need ties of both kinds, fake (1) and real (0)")
    design = np.stack([np.asarray(log_odds, np.float64), np.ones(len(target))], axis=1)
    start = np.array([1.0, 0.0])
    found = start.copy()
    for _ in range(NEWTON_STEPS):
        chance = expit(design @ found)
        gradient = design.T @ (chance - target) + RIDGE * (found - start)
        curvature = (design * (chance * (1 - chance))[:, None]).T @ design + RIDGE * np.eye(2)
        step = np.linalg.solve(curvature, gradient)
        found = found - step / max(1.0, float(np.abs(step).max()))
    if found[0] <= 0.0:
        # Labels that contradict the scores: keep the order and the share, which is all that can be kept.
        return 0.0, float(np.log(target.mean() / (1.0 - target.mean())))
    return float(found[0]), float(found[1])
