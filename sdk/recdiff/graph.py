"""Sparse graphs: adjacency, its normalisation, and the product that propagates embeddings.

Letters: U users, I items, N nodes, D embedding width. Nothing here is dense in users by users.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from torch import Tensor

Int64 = NDArray[np.int64]


def social_adjacency(edges: Int64, num_users: int, directed: bool, weight: NDArray[Any] | None = None) -> sp.csr_matrix:
    """Return the (U, U) social adjacency: symmetric for undirected edges, A[src, dst] for directed ones.

    Args:
        edges: (E, 2) user positions, each edge once.
        weight: (E,) edge weights, 1 where not given.
    """
    values = np.ones(len(edges), np.float32) if weight is None else np.asarray(weight, np.float32)
    graph = sp.csr_matrix((values, (edges[:, 0], edges[:, 1])), shape=(num_users, num_users), dtype=np.float32)
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


@dataclass(frozen=True)
class Propagator:
    """A sparse matrix (N, M) and its transpose, ready to multiply embeddings with gradients.

    Keeping the transpose makes the backward pass one more CSR product instead of a conversion per step.
    """

    forward: Tensor
    backward: Tensor

    @classmethod
    def of(cls, matrix: sp.csr_matrix, device: torch.device | str = "cpu") -> Propagator:
        """Move ``matrix`` to ``device``; a symmetric one shares the tensor of both directions."""
        csr = sp.csr_matrix(matrix)
        forward = csr_tensor(csr, device)
        symmetric = csr.shape[0] == csr.shape[1] and abs(csr - csr.T).nnz == 0
        return cls(forward, forward if symmetric else csr_tensor(csr.T.tocsr(), device))

    def __matmul__(self, dense: Tensor) -> Tensor:
        """Return the (N, D) product with ``dense`` (M, D)."""
        product: Tensor = _Product.apply(self.forward, self.backward, dense)  # type: ignore[no-untyped-call]
        return product


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, forward: Tensor, backward: Tensor, dense: Tensor) -> Tensor:
        ctx.transpose = backward
        return forward @ dense

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, None, Tensor]:
        return None, None, ctx.transpose @ gradients[0].contiguous()


def csr_tensor(matrix: sp.csr_matrix, device: torch.device | str = "cpu") -> Tensor:
    """Return a torch CSR tensor of ``matrix`` in float32 with the narrowest index type that fits."""
    matrix = matrix.tocsr()
    matrix.sort_indices()
    index = np.int32 if max(*matrix.shape, matrix.nnz) < np.iinfo(np.int32).max else np.int64
    with warnings.catch_warnings():
        # torch announces at the first CSR tensor of a process that the layout is in beta.
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")
        return torch.sparse_csr_tensor(
            torch.as_tensor(matrix.indptr.astype(index)),
            torch.as_tensor(matrix.indices.astype(index)),
            torch.as_tensor(matrix.data.astype(np.float32)),
            size=matrix.shape,
            device=device,
            check_invariants=True,
        )
