"""Adjacency matrices and their normalisation, in SciPy alone.

Letters: U users, I items, E edges.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from recdiff.arrays import Int64


def social_adjacency(edges: Int64, num_users: int, directed: bool, weight: NDArray[Any] | None = None) -> sp.csr_matrix:
    """Return the (U, U) social adjacency: symmetric for undirected edges, A[src, dst] for directed ones.

    Args:
        edges: (E, 2) user positions, each edge once.
        weight: (E,) edge weights, 1 where not given.
    """
    values = np.ones(len(edges), np.float32) if weight is None else np.asarray(weight, np.float32)
    return _matrix(edges, values, num_users, directed)


def adjacency(edges: Int64, num_users: int, directed: bool, kind: type[np.generic] = np.float32) -> sp.csr_matrix:
    """Return the social adjacency (U, U) with every entry 1: an edge listed twice or both ways counts once.

    Args:
        kind: of the entries. One byte is enough where they are only counted.
    """
    graph = _matrix(edges, np.ones(len(edges), kind), num_users, directed)
    graph.data[:] = 1
    return graph


def _matrix(edges: Int64, values: NDArray[Any], num_users: int, directed: bool) -> sp.csr_matrix:
    graph = sp.csr_matrix((values, (edges[:, 0], edges[:, 1])), shape=(num_users, num_users))
    return graph if directed else (graph + graph.T).tocsr()


def bipartite_adjacency(interactions: sp.csr_matrix) -> sp.csr_matrix:
    """Return the (U + I, U + I) adjacency [[0, R], [R^T, 0]] of interactions R (U, I)."""
    return sp.bmat([[None, interactions], [interactions.T, None]], format="csr", dtype=np.float32)


def symmetric_normalised(adjacency: sp.csr_matrix) -> sp.csr_matrix:
    """Return D^-1/2 A D^-1/2 with row sums as degrees on both sides; empty rows stay empty."""
    degree = np.asarray(adjacency.sum(axis=1), dtype=np.float64).ravel()
    scale = np.zeros_like(degree)
    np.divide(1.0, np.sqrt(degree, where=degree > 0, out=np.ones_like(degree)), out=scale, where=degree > 0)
    diagonal = sp.diags_array(scale)
    return sp.csr_matrix(diagonal @ adjacency @ diagonal, dtype=np.float32)


def scaled(matrix: sp.csr_matrix, left: NDArray[np.float32], right: NDArray[np.float32] | None = None) -> sp.csr_matrix:
    """Return diag(``left``) ``matrix`` diag(``right``) in float32, without sparse products; no ``right``: rows only."""
    found = sp.csr_matrix(matrix, dtype=np.float32, copy=True)
    found.data *= np.repeat(left, np.diff(found.indptr))
    if right is not None:
        found.data *= right[found.indices]
    return found


def normalised(graph: sp.csr_matrix, ridge: float) -> sp.csr_matrix:
    """Return (D_out + t)^-1/2 A (D_in + t)^-1/2 with t = ridge * mean degree, which tames users of few edges."""
    out, into = (np.asarray(graph.sum(axis=axis), np.float64).ravel() for axis in (1, 0))
    extra = ridge * float(out.mean())
    left, right = ((1.0 / np.sqrt(np.maximum(d + extra, 1e-6))).astype(np.float32) for d in (out, into))
    return scaled(graph, left, right)
