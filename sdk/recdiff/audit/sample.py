"""Which units a person is asked about: drawn at random in strata by score, each with a known probability.

With p the score of a unit, z = max(sqrt(p (1 - p)), FLOOR) is how unsure its verdict is at least. Units in order of
their score are cut where sums of z are alike, and every stratum is asked about as often: that is Neyman's allocation,
bounded, since scores may be wrong. The strata depend on the scores alone, and within one the units have a random order
of which the first are asked about. So a larger audit with the same seed holds the smaller one, and the answers of
several audits of one model add up to one sample.

Units are edges, or anything else that has a score. Letters: N units, H strata, B drawn.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recdiff.arrays import Float64, Int64
from recdiff.errors import UsageError

STRATA = 10
FLOOR = 0.2
"""Least z of a unit: an unlikely fake is asked about at least two fifths as often as an open question (z = 1/2)."""
FEWEST = 2 * STRATA


@dataclass(frozen=True, eq=False)
class Drawn:
    """Units to ask about, the most suspicious first.

    Attributes:
        rows: (B,) which unit; stratum: (B,) 0 for the least suspicious; probability: (B,) of being drawn.
    """

    rows: Int64
    stratum: Int64
    probability: Float64


def strata(score: Float64) -> Int64:
    """Return the stratum of every unit, (N,), 0 for the lowest scores."""
    p = np.asarray(score, np.float64)
    order = np.argsort(p, kind="stable")
    reached = np.cumsum(np.maximum(np.sqrt(p * (1.0 - p)), FLOOR)[order])
    found = np.empty(len(p), np.int64)
    found[order] = np.minimum((STRATA * (reached / reached[-1] - 1e-12)).astype(np.int64), STRATA - 1)
    return found


def draw(score: Float64, size: int, seed: int) -> Drawn:
    """Draw ``size`` of the units with ``score`` (N,), or all where there are no more.

    Raises:
        UsageError: the size is below what an estimate needs.
    """
    if size < FEWEST:
        raise UsageError(f"size {size}: expected at least {FEWEST}, two for each of {STRATA} strata of scores")
    stratum = strata(score)
    held = np.bincount(stratum, minlength=STRATA)
    wanted = _evenly(held, size)
    rng = np.random.default_rng(seed)
    parts = [rng.permutation(np.flatnonzero(stratum == each))[: wanted[each]] for each in range(STRATA)]
    rows = np.concatenate(parts)
    rows = rows[np.argsort(-np.asarray(score)[rows], kind="stable")]
    return Drawn(rows, stratum[rows], (wanted / np.maximum(held, 1))[stratum[rows]])


def _evenly(held: Int64, size: int) -> Int64:
    """Return how many of each stratum are drawn, (H,): alike where there are enough; never fewer for a larger size."""
    level = 0
    while np.minimum(held, level + 1).sum() <= size and level < held.max():
        level += 1
    wanted = np.minimum(held, level)
    left = size - int(wanted.sum())
    room = np.flatnonzero(held > level)[::-1][: max(left, 0)]
    wanted[room] += 1
    return np.asarray(wanted, np.int64)
