"""What it says of an account how much it uses: fake accounts use nothing or little, on a site where others use much.

Letters: U users.
"""

from __future__ import annotations

import numpy as np

from recdiff.accounts.votes import SCALES
from recdiff.arrays import Float64, Int64

CUTS = (1, 4)
"""Where "nothing" ends, and "a thing or two"."""
FAKES = (0.65, 0.25)
"""Share of fake accounts that use nothing, and of those that use a thing or two; the others use as real ones do."""
PRIOR = 50.0
"""Accounts of like degree that count as much as all accounts together."""


def usage(items: Int64, degree: Int64) -> Float64:
    """Return the log likelihood ratio of the number of ``items`` (U,) that each account uses; zeros without any."""
    if not items.any():
        return np.zeros(len(items))
    level = np.digitize(items, CUTS)
    scale = np.rint(SCALES * np.log2(degree + 1.0)).astype(np.int64)
    levels = len(CUTS) + 1
    overall = (np.bincount(level, minlength=levels) + 1.0) / (len(items) + levels)
    counts = np.bincount(scale * levels + level, minlength=(scale.max() + 1) * levels).reshape(-1, levels)
    usual = (counts + PRIOR * overall) / (counts.sum(axis=1, keepdims=True) + PRIOR)
    fake = np.array(FAKES)
    theirs = np.concatenate([np.broadcast_to(fake, (len(usual), 2)), usual[:, 2:] * (1.0 - fake.sum())], axis=1)
    theirs[:, :2] += (1.0 - fake.sum()) * usual[:, :2]
    return np.asarray(np.log(theirs / usual)[scale, level])
