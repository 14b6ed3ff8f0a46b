"""Rows of users who were not there at the fit, from what their neighbours hand over.

Letters: B new users, D width.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recdiff.arrays import Float32


def new_rows(known: Float32, degree: NDArray[np.float64], mean: Float32) -> Float32:
    """Return rows (B, D): known / sqrt(degree), and ``mean`` for whom nothing is known.

    Args:
        known: (B, D) sum of the memory rows of a new user's items and friends.
        degree: (B,) number of items + w times the number of friends.
        mean: (D,) the mean user row, which suits everybody.
    """
    rows = known / np.sqrt(np.where(degree > 0, degree, 1.0))[:, None]
    rows[~known.any(axis=1)] = mean
    return np.asarray(rows, np.float32)
