"""What the answers of an audit say: the share of fakes, the precision of a choice, and what scores should have been.

With W_h = N_h / N the weight of stratum h, and y_h of its n_h answers "fake",

    share    = sum_h W_h y_h / n_h                                       (Horvitz and Thompson)
    variance = sum_h W_h^2 q_h (1 - q_h) / (n_h - 1) (1 - n_h / N_h),    q_h = (y_h + 2 r_h) / (n_h + 2)

with r_h halfway between the share and the mean of the recalibrated scores in the stratum, so that a stratum without a
fake among a few answers does not count as certain. The interval is Wilson's for as many answers as, drawn evenly,
would have this variance. Scores are recalibrated by sigmoid(a s + b) of their log odds s: a by a weighted logistic
regression that is pulled towards 1, b such that their mean is the share.

Letters: N units, H strata, B answers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from recdiff.arrays import Float64, Int64, Mask
from recdiff.audit.sample import STRATA, strata
from recdiff.errors import UsageError
from recdiff.metrics.odds import intercept_for_share, odds_of

Z = 1.959964
"""Standard errors on either side of a 95 % interval."""
PRIOR = 2.0
"""Answers that the variance takes for granted in each stratum."""
SHRUNK = 0.5
"""How far r_h goes from the share to the mean score of the stratum."""
PULL = 2.0
"""Strength with which a is held near 1."""
LEAST_SLOPE, MOST_SLOPE = 0.2, 5.0
NEWTON_STEPS = 50


@dataclass(frozen=True)
class Share:
    """A share with its 95 % interval, from ``answers`` answers."""

    low: float
    estimate: float
    high: float
    answers: int


@dataclass(frozen=True, eq=False)
class Answers:
    """What was answered about N units with scores.

    Attributes:
        score: (N,) of all units, before any audit.
        rows: (B,) distinct units with an answer; is_fake: (B,).
    """

    score: Float64
    rows: Int64
    is_fake: Mask

    def share(self) -> Share:
        """Return the share of fakes among all units."""
        return self._of(np.ones(len(self.score), bool))

    def precision(self, chosen: Mask) -> Share | None:
        """Return the share of fakes among the ``chosen`` (N,), or None where no chosen unit has an answer."""
        return self._of(chosen) if chosen[self.rows].any() else None

    def recalibration(self) -> tuple[float, float]:
        """Return the (a, b) of the new scores sigmoid(a s + b).

        Raises:
            UsageError: a stratum has no answers, and no neighbour that has.
        """
        odds = odds_of(self.score)
        slope = _slope(odds[self.rows], self.is_fake, self.weight())
        share = self._plain()
        least = 0.5 / len(self.rows)
        return slope, intercept_for_share(odds, float(np.clip(share, least, 1.0 - least)), slope)

    def weight(self) -> Float64:
        """Return how many units each answer stands for, (B,)."""
        stratum, count = self._strata()
        answered = np.bincount(stratum[self.rows], minlength=len(count))
        found: Float64 = (count / np.maximum(answered, 1))[stratum[self.rows]]
        return found

    def _plain(self) -> float:
        weight = self.weight()
        return float(weight @ self.is_fake / weight.sum())

    def _strata(self) -> tuple[Int64, Int64]:
        """Return the stratum of every unit, those without two answers joined to their neighbours, and their sizes."""
        stratum = strata(self.score)
        answered = np.bincount(stratum[self.rows], minlength=STRATA)
        if answered.sum() < 2:
            raise UsageError(f"{answered.sum()} answers: at least 2 are needed for an interval")
        joined, held, place = np.empty(STRATA, np.int64), 0, 0
        for each in range(STRATA):
            joined[each] = place
            held += int(answered[each])
            if held >= 2:
                place, held = place + 1, 0
        joined = np.minimum(joined, place - 1)
        stratum = joined[stratum]
        return stratum, np.bincount(stratum, minlength=place)

    def _of(self, chosen: Mask) -> Share:
        """Return the share of fakes among the ``chosen`` (N,); they are a part of every stratum."""
        stratum, _ = self._strata()
        expected = expit(np.polyval(self.recalibration(), odds_of(self.score)))
        size = int(stratum.max()) + 1

        def summed(rows: Int64, values: NDArray[np.generic] | None = None) -> Float64:
            return np.bincount(stratum[rows], values, minlength=size).astype(np.float64)

        mine = np.flatnonzero(chosen)
        held = chosen[self.rows]
        units, answers = summed(mine), summed(self.rows[held])
        fakes = summed(self.rows[held], self.is_fake[held])
        there = answers > 0
        means = summed(mine, expected[mine])[there] / units[there]
        weight = units[there] / units[there].sum()
        n, y = answers[there], fakes[there]
        share = float(weight @ (y / n))
        q = (y + PRIOR * (SHRUNK * means + (1.0 - SHRUNK) * share)) / (n + PRIOR)
        unseen = 1.0 - n / units[there]
        variance = float(np.sum(weight**2 * q * (1.0 - q) / np.maximum(n - 1.0, 1.0) * unseen))
        return _wilson(share, variance, int(n.sum()))


def _wilson(share: float, variance: float, answers: int) -> Share:
    """Return Wilson's interval for as many answers as would have ``variance`` if they were drawn evenly."""
    if variance <= 0.0:
        return Share(share, share, share, answers)
    inner = float(np.clip(share, 0.5 / answers, 1.0 - 0.5 / answers))
    n = inner * (1.0 - inner) / variance
    centre = (share + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n)
    half = Z / (1.0 + Z * Z / n) * np.sqrt(share * (1.0 - share) / n + Z * Z / (4.0 * n * n))
    return Share(max(0.0, float(centre - half)), share, min(1.0, float(centre + half)), answers)


def _slope(odds: Float64, is_fake: Mask, weight: Float64) -> float:
    """Return the a of a logistic regression of answers (B,) on log odds (B,), weights scaled to as many answers."""
    mean = float(np.average(odds, weights=weight))
    design = np.stack([odds - mean, np.ones(len(odds))], axis=1)
    scaled = weight * len(weight) / weight.sum()
    share = np.clip(float(scaled @ is_fake) / len(weight), 0.5 / len(weight), 1.0 - 0.5 / len(weight))
    start = np.array([1.0, np.log(share / (1.0 - share))])
    pull = np.array([PULL, 1e-3])
    found = start.copy()
    for _ in range(NEWTON_STEPS):
        chance = expit(design @ found)
        gradient = design.T @ (scaled * (chance - is_fake)) + pull * (found - start)
        curvature = (design * (scaled * chance * (1.0 - chance))[:, None]).T @ design + np.diag(pull)
        step = np.linalg.solve(curvature, gradient)
        found = found - step / max(1.0, float(np.abs(step).max()))
    return float(np.clip(found[0], LEAST_SLOPE, MOST_SLOPE))
