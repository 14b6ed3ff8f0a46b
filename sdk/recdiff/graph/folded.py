"""A social graph whose edges lie in folds. Letters: U users, E edges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray

from recdiff.arrays import Int64


@dataclass(frozen=True, eq=False)
class FoldedGraph:
    """A social graph whose edges lie in folds: put in order once, so that leaving a fold out is one pass over it.

    Attributes:
        edge: CSR (U, U), the row in the edges (E, 2) at each entry of the adjacency.
        fold: (nnz,) of each entry.
    """

    edge: sp.csr_matrix
    fold: NDArray[np.int16]

    @classmethod
    def of(cls, edges: Int64, fold: Int64, num_users: int, directed: bool) -> FoldedGraph:
        """Order ``edges`` (E, 2) of user positions, each edge once, whose folds are ``fold`` (E,)."""
        number = np.arange(1, len(edges) + 1, dtype=np.int32 if len(edges) < np.iinfo(np.int32).max else np.int64)
        edge = sp.csr_matrix((number, (edges[:, 0], edges[:, 1])), shape=(num_users, num_users))
        edge = edge if directed else (edge + edge.T).tocsr()
        edge.sort_indices()
        edge.data -= 1
        return cls(edge, _taken(fold.astype(np.int16), edge.data))

    @property
    def whole(self) -> sp.csr_matrix:
        """The ``social_adjacency`` (U, U) of all edges; it shares the order of ``edge``."""
        values = np.ones(self.edge.nnz, np.float32)
        return sp.csr_matrix((values, self.edge.indices, self.edge.indptr), shape=self.edge.shape)

    def without(self, left_out: int, weight: NDArray[np.float32] | None = None) -> sp.csr_matrix:
        """Return the ``social_adjacency`` (U, U) of the edges of other folds, with their ``weight`` (E,) or 1."""
        kept = np.flatnonzero(self.fold != left_out)
        begins = np.searchsorted(kept, self.edge.indptr).astype(self.edge.indptr.dtype)
        values = np.ones(len(kept), np.float32) if weight is None else _taken(weight, self.edge.data.take(kept))
        graph = sp.csr_matrix((values, self.edge.indices.take(kept), begins), shape=self.edge.shape)
        graph.has_canonical_format = True
        return graph


def _taken(values: NDArray[Any], rows: NDArray[np.integer]) -> NDArray[Any]:
    """Return ``values[rows]``, fetched by all threads."""
    return torch.as_tensor(values).index_select(0, torch.as_tensor(rows)).numpy()
