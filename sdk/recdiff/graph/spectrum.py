"""Leading eigenvectors and singular vectors of sparse social graphs, by randomised subspace iteration.

Letters: U users, k vectors kept, P block width.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from recdiff.arrays import Float64
from recdiff.graph.sparse import times

SPARE = 24
"""Vectors iterated beside the wanted ones, so that the last of those settle too."""
GRAM_ROWS = 1 << 14


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Leading part of a matrix: left diag(value) right^T.

    Attributes:
        left, right: float32 (U, k), where the matrix is; the same for a symmetric matrix.
        value: float64 (k,); eigenvalues, falling positive ones before the negative ones, or singular values.
    """

    left: Tensor
    value: Float64
    right: Tensor


def block_width(wanted: int, most: int) -> int:
    """Return P, how many vectors are iterated where ``wanted`` are, of at most ``most``."""
    return min(wanted + SPARE, most)


def eigenvectors(
    matrix: Tensor, positive: int, negative: int, *, iterations: int, first: Tensor, start: Tensor | None = None
) -> Spectrum:
    """Return the ``positive`` largest and ``negative`` smallest eigenpairs of a symmetric CSR ``matrix`` (U, U).

    Args:
        first: (U, P) random vectors to begin with, P as ``block_width`` says.
        start: (U, k) vectors to begin with in the place of the first of them, such as those of a similar matrix.
    """
    users, width = first.shape
    block = first
    if start is not None:
        begun = min(start.shape[1], width)
        block = torch.cat([start[:, :begun].float() * float(np.sqrt(users)), first[:, begun:]], dim=1)
    for done in range(iterations):
        # Two products in a row span what they would with the columns spread out between.
        block = times(matrix, block if done % 2 else _spread_out(block))
    block = _orthonormal(block)
    inner = _gram(block, times(matrix, block))
    value, turn = np.linalg.eigh((inner + inner.T) / 2)
    order = np.concatenate([np.argsort(-value)[:positive], np.argsort(value)[:negative]])
    vectors = _padded(_turned(block, turn[:, order]), positive + negative)
    return Spectrum(vectors, np.pad(value[order], (0, positive + negative - len(order))), vectors)


def singular_vectors(forth: Tensor, back: Tensor, count: int, iterations: int, first: Tensor) -> Spectrum:
    """Return the ``count`` leading singular triples of a CSR matrix.

    Args:
        forth: the matrix (N, M); back: its transpose (M, N). first: (M, P) random vectors to begin with.
    """
    block = _orthonormal(first)
    for _ in range(iterations // 2):
        block = _spread_out(times(back, _spread_out(times(forth, block))))
    block = _orthonormal(block)
    image = times(forth, block)
    # Of the image's Gram matrix: singular values come out as exactly as float32 products allow, and nothing tall moves.
    basis = _orthonormal(image)
    inner, value, outer = np.linalg.svd(_gram(basis, image))
    keep = min(count, len(value))  # Of a matrix of low rank fewer come out than go in.
    return Spectrum(
        _padded(_turned(basis, inner[:, :keep]), count),
        np.pad(value[:keep], (0, count - keep)),
        _padded(_turned(block, outer[:keep].T), count),
    )


def aligned(rows: Tensor, reference: Tensor) -> Tensor:
    """Return the rotation Q (k, k) that turns ``rows`` (U, k) best onto ``reference`` (orthogonal Procrustes)."""
    left, _, right = np.linalg.svd(_gram(rows, reference))
    return torch.as_tensor((left @ right).astype(np.float32)).to(rows.device)


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
        whole = len(left) // GRAM_ROWS * GRAM_ROWS
        blocks = [each[:whole].reshape(-1, GRAM_ROWS, each.shape[1]) for each in (left, right)]
        there = torch.bmm(blocks[0].transpose(1, 2), blocks[1]).double().sum(dim=0)
        found: Float64 = (there + left[whole:].T @ right[whole:]).cpu().numpy()
        return found
    own, other = left.numpy(), right.numpy()
    total = np.zeros((own.shape[1], other.shape[1]))
    for start in range(0, len(own), GRAM_ROWS):
        total += own[start : start + GRAM_ROWS].T @ other[start : start + GRAM_ROWS]
    return total


def _padded(vectors: Tensor, count: int) -> Tensor:
    return torch.nn.functional.pad(vectors, (0, count - vectors.shape[1])) if vectors.shape[1] < count else vectors
