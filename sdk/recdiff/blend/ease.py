"""EASE (Steck, 2019) as a table, where items are so few that a dense inverse costs little.

Letters: U users, I items, K items kept of each, X (U, I) interactions, r the ridge.
"""

from __future__ import annotations

import numpy as np
import scipy.linalg
import scipy.sparse as sp

from recdiff.arrays import Float32
from recdiff.blend.item_table import KEPT, ItemTable
from recdiff.errors import UsageError


def ease_table(train: sp.csr_matrix, ridge: float, count: int = KEPT) -> ItemTable:
    """Return the positive weights B = I - P diag(1 / diag P), P = (X^T X + r)^-1, without the diagonal.

    Args:
        train: (U, I), entries 1.
        count: K.

    Raises:
        UsageError: the ridge is too small for float32.
    """
    inverse = ridge_inverse(sp.csr_matrix(train.T @ train), ridge)
    weights = inverse / -np.diag(inverse)
    np.fill_diagonal(weights, 0.0)
    everything = np.arange(len(weights), dtype=np.int32)
    return ItemTable.of_rows(((everything, row) for row in weights), count)


def ridge_inverse(gram: sp.csr_matrix, ridge: float) -> Float32:
    """Return (gram + ridge)^-1 by Cholesky, in float32.

    Raises:
        UsageError: the matrix is not positive definite in float32.
    """
    size = gram.shape[0]
    dense = gram.toarray().astype(np.float32)
    dense[np.diag_indices(size)] += np.float32(ridge)
    factor, failed = scipy.linalg.lapack.spotrf(dense.T, lower=1, overwrite_a=1)
    inverse, singular = scipy.linalg.lapack.spotri(factor, lower=1, overwrite_c=1)
    if failed or singular:
        raise UsageError(f"EASE with ridge {ridge}: the matrix is not positive definite in float32; use a larger ridge")
    lower = np.tril(inverse)
    return np.asarray(lower + np.tril(lower, -1).T, np.float32)
