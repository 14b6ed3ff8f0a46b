"""Is one model better than another? A paired bootstrap over users, seeds averaged.

Letters: S seeds, N users.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from recdiff.arrays import Float64
from recdiff.errors import UsageError

LEVEL = 0.95
RESAMPLES = 10_000
# Differences drawn at a time, 32 MiB of float64.
_BLOCK = 2**22


@dataclass(frozen=True)
class Difference:
    """How much better one model is than another.

    Attributes:
        mean: mean difference over users.
        low, high: bootstrap interval over users at ``LEVEL``.
        p: two-sided bootstrap probability of a difference at least as far from none, at least 2 / (resamples + 1).
    """

    mean: float
    low: float
    high: float
    p: float


def paired_bootstrap(ours: Float64, theirs: Float64, resamples: int = RESAMPLES, seed: int = 0) -> Difference:
    """Compare per-user values of the same users by resampling users.

    Args:
        ours, theirs: (N,), or (S, N) to be averaged over seeds first; the numbers of seeds may differ.

    Raises:
        UsageError: the values are of different users, or of fewer than two.
    """
    gap = np.atleast_2d(ours).mean(axis=0) - _matching(np.atleast_2d(theirs).mean(axis=0), ours)
    if np.ptp(gap) == 0.0:
        # Every resample has the same mean, of which no interval can be drawn.
        return Difference(float(gap[0]), float(gap[0]), float(gap[0]), 1.0 if gap[0] == 0 else 2 / (resamples + 1))
    result = stats.bootstrap(
        (gap,),
        np.mean,
        n_resamples=resamples,
        batch=max(1, _BLOCK // len(gap)),
        confidence_level=LEVEL,
        method="percentile",
        rng=np.random.default_rng(seed),
    )
    means = result.bootstrap_distribution
    beyond = 1 + min(int((means <= 0).sum()), int((means >= 0).sum()))
    low, high = result.confidence_interval
    return Difference(float(gap.mean()), float(low), float(high), min(1.0, 2 * beyond / (resamples + 1)))


def _matching(theirs: Float64, ours: Float64) -> Float64:
    users = np.atleast_2d(ours).shape[1]
    if len(theirs) != users or users < 2:
        raise UsageError(
            f"a paired comparison needs the same two or more users on both sides, not {users} and {len(theirs)}"
        )
    return theirs
