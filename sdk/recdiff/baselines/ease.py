"""EASE, the linear item-item model in closed form (Steck, 2019), with and without edges.

Letters: U users, I items, X (U, M) what is known of users, M = I without edges and I + U with them.

B = I - P diag(1 / diag P), P = (X^T X + r)^-1, score = X B. With M_u = (X X^T + r)^-1 (U, U) the same reads
X P = M_u X and diag P = (1 - diag(X^T M_u X)) / r, so the smaller of the two inverses is all that is needed.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from recdiff.arrays import Float32, Int64
from recdiff.baselines.task import Task
from recdiff.blend.ease import ridge_inverse
from recdiff.errors import UsageError
from recdiff.metrics.ranking import Score

# A dense float32 inverse of this side takes 1.6 GB.
LARGEST_INVERSE = 20_000


def fit_ease(task: Task, ridge: float) -> Score:
    """Score by EASE on interactions.

    Raises:
        UsageError: users and items both number more than ``LARGEST_INVERSE``.
    """
    users, items = task.train.shape
    return _by_items(task.train, ridge) if items <= users else _by_users(task.train, task.train, ridge)


def fit_tied_ease(task: Task, ridge: float, tie_weight: float) -> Score:
    """Score by EASE on interactions and, as further columns, each user's edges times ``tie_weight``.

    Raises:
        UsageError: there are more than ``LARGEST_INVERSE`` users.
    """
    known = sp.csr_matrix(sp.hstack([task.train, tie_weight * task.social], format="csr"), dtype=np.float32)
    return _by_users(task.train, known, ridge)


def _by_items(train: sp.csr_matrix, ridge: float) -> Score:
    precision = _inverse(sp.csr_matrix(train.T @ train), ridge)
    weights = precision / -np.diag(precision)
    np.fill_diagonal(weights, 0.0)

    def score(users: Int64) -> Float32:
        return np.asarray(train[users] @ weights, np.float32)

    return score


def _by_users(train: sp.csr_matrix, known: sp.csr_matrix, ridge: float) -> Score:
    """Return scores of the items of ``train`` (U, I) by EASE on ``known`` (U, M), whose first I columns they are."""
    inverse = _inverse(sp.csr_matrix(known @ known.T), ridge)
    columns = sp.csc_matrix(train)
    diagonal = _quadratic(columns, inverse)
    scale = (ridge / (1.0 - diagonal)).astype(np.float32)

    def score(users: Int64) -> Float32:
        return np.asarray(train[users].toarray() - (columns.T @ inverse[users].T).T * scale, np.float32)

    return score


def _quadratic(columns: sp.csc_matrix, matrix: Float32) -> NDArray[np.float64]:
    """Return x^T ``matrix`` x of each column x of ``columns`` (U, I), (I,)."""
    values = np.empty(columns.shape[1])
    for item in range(columns.shape[1]):
        rows = columns.indices[columns.indptr[item] : columns.indptr[item + 1]]
        values[item] = matrix[np.ix_(rows, rows)].sum(dtype=np.float64)
    return values


def _inverse(gram: sp.csr_matrix, ridge: float) -> Float32:
    """Return (gram + ridge)^-1, of a side that memory holds."""
    size = gram.shape[0]
    if size > LARGEST_INVERSE:
        raise UsageError(f"EASE needs a dense inverse of side {size:,}; it is limited to {LARGEST_INVERSE:,}")
    return ridge_inverse(gram, ridge)
