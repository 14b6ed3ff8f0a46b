"""Graphs of users and of items that paths over interactions, ties and item relations make (SMIN, Long et al., 2021).

Letters: U users, I items; R interactions (U, I), S ties, T item relations, both symmetric.
Users: UU = S, UIU = R R^T, UITIU = R T R^T; items: IUI = R^T R, ITI = T. A path that leads through interactions keeps
of each node the ``MOST`` others of largest cosine: paths / root of the other's degree.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from recdiff.baselines.task import degrees, inverse, strongest

MOST = 50
BLOCK = 1024
"""Rows of a product of two sparse matrices made at a time; whole, it can be a matrix of all pairs."""


def user_graphs(train: sp.csr_matrix, social: sp.csr_matrix, related: sp.csr_matrix) -> list[sp.csr_matrix]:
    """Return UU, UIU and UITIU, (U, U) each, symmetric without loops; UU with the weights of the ties, others 0/1."""
    rows, columns = train, train.T.tocsr()
    weight = inverse(degrees(train)[0], 0.5)
    return [tied(social), nearest(rows, columns, weight), nearest(sp.csr_matrix(rows @ related), columns, weight)]


def item_graphs(train: sp.csr_matrix, related: sp.csr_matrix) -> list[sp.csr_matrix]:
    """Return IUI and ITI, (I, I) each, symmetric 0/1 without loops."""
    return [nearest(train.T.tocsr(), train, inverse(degrees(train)[1], 0.5)), related]


def tied(social: sp.csr_matrix) -> sp.csr_matrix:
    """Return the symmetric (U, U) ties of ``social``; of two directions the heavier one counts."""
    both = sp.csr_matrix(social.maximum(social.T), dtype=np.float32)
    both.eliminate_zeros()
    return both


def nearest(
    left: sp.csr_matrix, right: sp.csr_matrix, weight: NDArray[np.float64], least: float = 0.0
) -> sp.csr_matrix:
    """Return of each node those ``MOST`` others that the most paths, times their weight, lead to, both ways, 0/1.

    Args:
        left: (N, M), the first half of a path.
        right: (M, N), the second half.
        weight: (N,) of the node that a path ends at.
        least: nodes that no more paths lead to do not count.
    """
    parts = []
    for start in range(0, left.shape[0], BLOCK):
        paths = sp.coo_matrix(left[start : start + BLOCK] @ right)
        kept = (paths.data > least) & (paths.row + start != paths.col)
        row, column = paths.row[kept], paths.col[kept]
        values = paths.data[kept] * weight[column]
        parts.append(strongest(sp.csr_matrix((values, (row, column)), shape=paths.shape), MOST))
    found = sp.csr_matrix(sp.vstack(parts))
    both = sp.csr_matrix(found.maximum(found.T), dtype=np.float32)
    both.data[:] = 1.0
    return both
