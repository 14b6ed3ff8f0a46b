"""Leading eigenvectors and singular vectors of sparse social graphs, by randomised subspace iteration.

Letters: U users, k vectors kept, P block width.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from torch import Tensor

from recdiff.arrays import Float32, Float64
from recdiff.graph.sparse import csr_tensor, times

SPARE = 24
"""Vectors iterated beside the wanted ones, so that the last of those settle too."""
GRAM_ROWS = 1 << 14


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Leading part of a matrix: left diag(value) right^T.

    Attributes:
        left, right: float32 (U, k); the same for a symmetric matrix.
        value: float64 (k,); eigenvalues, falling positive ones before the negative ones, or singular values.
    """

    left: Float32
    value: Float64
    right: Float32


def eigenvectors(
    matrix: sp.csr_matrix,
    positive: int,
    negative: int,
    iterations: int,
    rng: np.random.Generator,
    start: NDArray[np.floating] | None = None,
    device: torch.device | str = "cpu",
) -> Spectrum:
    """Return the ``positive`` largest and ``negative`` smallest eigenpairs of a symmetric matrix.

    Args:
        start: (U, k) vectors to begin with, such as those of a similar matrix; None: random ones.
        device: where to iterate; what is returned is not there.
    """
    users = matrix.shape[0]
    width = min(positive + negative + SPARE, users)
    graph = csr_tensor(matrix, device)
    begun = 0 if start is None else min(start.shape[1], width)
    first = rng.standard_normal((users, width - begun), np.float32)
    if start is not None:
        first = np.concatenate([start[:, :begun] * np.float32(np.sqrt(users)), first], axis=1)
    block = torch.as_tensor(first).to(device)
    for done in range(iterations):
        # Two products in a row span what they would with the columns spread out between.
        block = times(graph, block if done % 2 else _spread_out(block))
    block = _orthonormal(block)
    inner = _gram(block, times(graph, block))
    value, turn = np.linalg.eigh((inner + inner.T) / 2)
    order = np.concatenate([np.argsort(-value)[:positive], np.argsort(value)[:negative]])
    vectors = _padded(_turned(block, turn[:, order]).cpu().numpy(), positive + negative)
    return Spectrum(vectors, np.pad(value[order], (0, positive + negative - len(order))), vectors)


def singular_vectors(
    matrix: sp.csr_matrix, count: int, iterations: int, rng: np.random.Generator, device: torch.device | str = "cpu"
) -> Spectrum:
    """Return the ``count`` leading singular triples of a (rows, columns) matrix, found on ``device``."""
    width = min(count + SPARE, *matrix.shape)
    forth, back = csr_tensor(matrix, device), csr_tensor(sp.csr_matrix(matrix.T), device)
    block = _orthonormal(torch.as_tensor(rng.standard_normal((matrix.shape[1], width), np.float32)).to(device))
    for _ in range(iterations // 2):
        block = _spread_out(times(back, _spread_out(times(forth, block))))
    block = _orthonormal(block)
    image = times(forth, block).cpu().numpy()
    left, value, right = np.linalg.svd(image.astype(np.float64), full_matrices=False)
    keep = min(count, len(value))  # Of a matrix of low rank fewer come out than go in.
    return Spectrum(
        _padded(left[:, :keep].astype(np.float32), count),
        np.pad(value[:keep], (0, count - keep)),
        _padded(_turned(block, right[:keep].T).cpu().numpy(), count),
    )


def aligned(rows: Float32, reference: Float32) -> Float32:
    """Return the rotation Q (k, k) that turns ``rows`` (U, k) best onto ``reference`` (orthogonal Procrustes)."""
    left, _, right = np.linalg.svd(rows.T.astype(np.float64) @ reference)
    return np.asarray(left @ right, np.float32)


def _orthonormal(block: Tensor) -> Tensor:
    """Return an orthonormal basis of the columns; spread out twice, for float32's sake."""
    return _spread_out(_spread_out(block))


def _spread_out(block: Tensor) -> Tensor:
    """Return a basis of the columns, orthonormal but for float32, from their Gram matrix's eigenvectors."""
    value, turn = np.linalg.eigh(_gram(block, block))
    usable = value > 1e-12 * value[-1]
    return _turned(block, turn[:, usable] / np.sqrt(value[usable]))


def _turned(block: Tensor, turn: Float64) -> Tensor:
    narrow = turn.astype(np.float32)
    if block.device.type == "cpu":
        # NumPy's products of tall arrays take two thirds of torch's time.
        return torch.as_tensor(block.numpy() @ narrow)
    return block @ torch.as_tensor(narrow).to(block.device)


def _gram(left: Tensor, right: Tensor) -> Float64:
    """Return left^T right: float32 within blocks of rows, whose sums are added up in float64."""
    if left.device.type != "cpu":
        there = torch.zeros(left.shape[1], right.shape[1], dtype=torch.float64, device=left.device)
        for a, b in zip(torch.split(left, GRAM_ROWS), torch.split(right, GRAM_ROWS), strict=True):
            there += a.T @ b
        found: Float64 = there.cpu().numpy()
        return found
    own, other = left.numpy(), right.numpy()
    total = np.zeros((own.shape[1], other.shape[1]))
    for start in range(0, len(own), GRAM_ROWS):
        total += own[start : start + GRAM_ROWS].T @ other[start : start + GRAM_ROWS]
    return total


def _padded(vectors: Float32, count: int) -> Float32:
    return np.pad(vectors, ((0, 0), (0, count - vectors.shape[1]))) if vectors.shape[1] < count else vectors
