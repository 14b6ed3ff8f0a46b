"""What a baseline is given, and the two matrices that many of them start from.

Letters: U users, I items, E edges.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from recdiff.arrays import Float32, Int64
from recdiff.graph.social_graph import SocialGraph
from recdiff.metrics.ranking import Score
from recdiff.metrics.selection import validation_value

# Judges scores on held-out interactions that the model itself never sees; larger is better.
Judge = Callable[[Score], float]


@dataclass(frozen=True, eq=False)
class Task:
    """Interactions and edges to learn from, and the judge that picks the epoch.

    Attributes:
        train: float32 CSR (U, I), entries 1.
        graph: the social graph.
        judge: see ``validation_judge``.
        seed: of every random draw.
        edge_weight: (E,) in [0, 1], 1 where not given.
        epochs: at most so many, for a model that is told by this alone; None: its own number.
    """

    train: sp.csr_matrix
    graph: SocialGraph
    judge: Judge
    seed: int = 0
    edge_weight: Float32 | None = None
    epochs: int | None = None

    @property
    def social(self) -> sp.csr_matrix:
        """Return the (U, U) social adjacency."""
        return self.graph.adjacency(self.edge_weight)


def validation_judge(train: sp.csr_matrix, validation: sp.csr_matrix, sample: Int64 | None = None) -> Judge:
    """Return a judge: recall@20 + ndcg@20 on ``validation`` (U, I), training items masked.

    Args:
        sample: users to judge by; None: all.
    """

    return lambda score: validation_value(score, train, validation, sample)


def inverse(values: NDArray[np.float64], power: float = 1.0) -> NDArray[np.float64]:
    """Return values ** -power, and 0 where the value is 0."""
    return np.where(values > 0, np.where(values > 0, values, 1.0) ** -power, 0.0)


def degrees(matrix: sp.csr_matrix) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the row sums and column sums of ``matrix``."""
    rows, columns = matrix.sum(axis=1), matrix.sum(axis=0)
    return np.asarray(rows, np.float64).ravel(), np.asarray(columns, np.float64).ravel()


def scaled(rows: NDArray[np.float64], matrix: sp.csr_matrix, columns: NDArray[np.float64]) -> sp.csr_matrix:
    """Return diag(rows) @ matrix @ diag(columns) in float32."""
    return sp.csr_matrix(sp.diags_array(rows) @ matrix @ sp.diags_array(columns), dtype=np.float32)


def strongest(matrix: sp.csr_matrix, count: int) -> sp.csr_matrix:
    """Return ``matrix`` with only the ``count`` largest stored entries of each row; ties go to the first columns."""
    matrix = sp.csr_matrix(matrix)
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    order = np.lexsort((matrix.indices, -matrix.data, rows))
    kept = np.sort(order[np.arange(len(rows)) - np.asarray(matrix.indptr)[rows] < count])
    entries = (matrix.data[kept], (rows[kept], matrix.indices[kept]))
    return sp.csr_matrix(entries, shape=matrix.shape, dtype=np.float32)


def products(left: sp.csr_matrix, right: sp.csr_matrix) -> Score:
    """Return the scores left[users] @ right, (B, I), of sparse left (U, M) and right (M, I)."""

    def score(users: Int64) -> Float32:
        return np.asarray((left[users] @ right).toarray(), np.float32)

    return score
