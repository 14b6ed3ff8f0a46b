"""Log odds of scores, and the level at which their mean is a given share. Letters: B edges or accounts."""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit

from recdiff.arrays import Float32, Float64
from recdiff.errors import UsageError

SMALLEST_CHANCE = 1e-7
LEAST_WEIGHT = 1e-3
WIDEST = 60.0
SUMMARISED = 1 << 16
"""Groups of log odds that stand for more than so many."""


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
    odds, weight = _summarised(log_odds)
    low, high = (-slope * float(each) for each in (odds.max(), odds.min()))
    found: float = brentq(lambda b: float(expit(slope * odds + b) @ weight) - share, low - WIDEST, high + WIDEST)
    return found


def weights_of(surprise: Float64, prior: Float64) -> Float64:
    """Return the weights (M,) of models that are averaged, by their ``surprise`` (M,) over labels that were left out.

    A model weighs as much as its ``prior`` (M,) times its likelihood there (pseudo-BMA; Yao et al. 2018, "Using
    stacking to average Bayesian predictive distributions"). One with next to no weight has none.

    Args:
        surprise: negative log likelihoods, sums over the labels.
    """
    weight = prior * np.exp(surprise.min() - surprise)
    weight = np.where(weight < LEAST_WEIGHT * weight.sum(), 0.0, weight)
    return np.asarray(weight / weight.sum(), np.float64)


def _summarised(log_odds: Float64) -> tuple[Float64, Float64]:
    """Return log odds and which part of all has them: many are put together where they hardly differ."""
    count = len(log_odds)
    low, high = float(log_odds.min()), float(log_odds.max())
    if count <= SUMMARISED or low == high:
        return log_odds, np.full(count, 1.0 / count)
    place = ((log_odds - low) * (SUMMARISED / (high - low))).astype(np.int32)
    many = np.bincount(place)
    there = many > 0
    mean = np.bincount(place, log_odds)[there] / many[there]
    return mean, many[there] / count
