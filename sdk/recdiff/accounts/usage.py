"""What it says of an account how much it uses: fake accounts use nothing or little, on a site where others use much.

Letters: U users.
"""

from __future__ import annotations

import numpy as np

from recdiff.arrays import Float64, Int64

CUTS = (1, 4)
"""Where "nothing" ends, and "a thing or two"."""
FAKES = (0.65, 0.25)
"""Share of fake accounts that use nothing, and of those that use a thing or two; the others use as real ones do."""
SCALES = 0.34
MOST, LITTLE = 4.0, 0.5
"""The most that using nothing says, and how much of that using a thing or two says: a few real users do."""
PRIOR = 200.0
"""Accounts of like degree that count as much as all accounts together."""


def usage(items: Int64, degree: Int64, real: Float64) -> Float64:
    """Return the log likelihood ratio of the number of ``items`` (U,) that each account uses; zeros without any.

    Args:
        real: (U,) from 0 to 1, how surely each account is real: it is compared with real ones of like ``degree`` (U,).
    """
    if not items.any():
        return np.zeros(len(items))
    level = np.digitize(items, CUTS)
    scale = np.rint(SCALES * np.log2(degree + 1.0)).astype(np.int64)
    levels = len(CUTS) + 1
    overall = (np.bincount(level, real, minlength=levels) + 1.0) / (real.sum() + levels)
    counts = np.bincount(scale * levels + level, real, minlength=(scale.max() + 1) * levels).reshape(-1, levels)
    usual = (counts + PRIOR * overall) / (counts.sum(axis=1, keepdims=True) + PRIOR)
    fake = np.array(FAKES)
    theirs = np.concatenate([np.broadcast_to(fake, (len(usual), 2)), usual[:, 2:] * (1.0 - fake.sum())], axis=1)
    theirs[:, :2] += (1.0 - fake.sum()) * usual[:, :2]
    ratio = np.minimum(np.log(theirs / usual), MOST)
    ratio[:, 1] = np.minimum(ratio[:, 1], LITTLE * np.maximum(ratio[:, 0], 0.0))
    return np.asarray(ratio[scale, level])
