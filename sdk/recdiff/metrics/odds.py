"""Log odds of scores, and the level at which their mean is a given share. Letters: B edges or accounts."""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit

from recdiff.arrays import Float32, Float64
from recdiff.errors import UsageError

SMALLEST_CHANCE = 1e-7
WIDEST = 60.0


def odds_of(score: Float32 | Float64) -> Float64:
    """Return log(p / (1 - p)) of scores p (B,), kept from 0 and 1."""
    p = np.clip(np.asarray(score, np.float64), SMALLEST_CHANCE, 1.0 - SMALLEST_CHANCE)
    found: Float64 = np.log(p / (1.0 - p))
    return found


def intercept_for_share(log_odds: Float64, share: float, slope: float = 1.0) -> float:
    """Return b such that the mean of sigmoid(slope * s + b) over ``log_odds`` (B,) is ``share``.

    Raises:
        UsageError: where ``share`` is not strictly between 0 and 1, or there are no edges.
    """
    if not 0.0 < share < 1.0:
        raise UsageError(f"fake share {share}: expected a number between 0 and 1, both excluded")
    if not len(log_odds):
        raise UsageError("no edges to calibrate on")
    low, high = (-slope * float(each) for each in (log_odds.max(), log_odds.min()))
    found: float = brentq(lambda b: expit(slope * log_odds + b).mean() - share, low - WIDEST, high + WIDEST)
    return found
