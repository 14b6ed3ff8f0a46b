"""Sparse graphs: adjacency, its normalisation, and the product that propagates embeddings.

Letters: U users, I items, N nodes, D embedding width. Nothing here is dense in users by users.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from threading import Lock
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from torch import Tensor

from recdiff.arrays import position_type

_ANNOUNCING = Lock()
ROW_BLOCK = 2**14
"""Rows computed at a time: what was read for one step is then in the cache for the next, and threads share evenly."""
ENTRIES = 1 << 22
"""Entries that are worked on at a time on a processor, beyond which nothing is held beside the matrix."""


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

    def with_rows(self, dense: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return the (N, D) product with ``dense`` (M, D), and ``dense[rows]`` (B, D).

        As one operation its backward pass adds the rows' gradients onto the product's, where two would
        fill a second (M, D) array with zeros.
        """
        both: tuple[Tensor, Tensor] = _ProductWithRows.apply(self.forward, self.backward, dense, rows)  # type: ignore[no-untyped-call]
        return both


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, forward: Tensor, backward: Tensor, dense: Tensor) -> Tensor:
        ctx.transpose = backward
        return times(forward, dense)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, None, Tensor]:
        return None, None, times(ctx.transpose, gradients[0].contiguous())


class _ProductWithRows(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, forward: Tensor, backward: Tensor, dense: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        ctx.transpose = backward
        ctx.save_for_backward(rows)
        return times(forward, dense), dense.index_select(0, rows)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, None, Tensor, None]:
        (rows,) = ctx.saved_tensors
        total = times(ctx.transpose, gradients[0].contiguous())
        return None, None, total.index_add_(0, rows, gradients[1]), None


def product(matrix: Tensor, dense: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the product (N, D) of a CSR ``matrix`` (N, M) and ``dense`` (M, D), without gradients."""
    found: NDArray[np.float32] = times(matrix, torch.as_tensor(dense)).numpy()
    return found


def times(
    matrix: Tensor, dense: Tensor, added: Tensor | None = None, scale: float = 1.0, out: Tensor | None = None
) -> Tensor:
    """Return ``scale`` (A X + Y), (N, D), of a CSR ``matrix`` A (N, M), ``dense`` X (M, D) and ``added`` Y (N, D).

    Args:
        out: (N, D), overwritten with what is returned; a large table costs less so than new memory does.
    """
    product = dense.new_empty(matrix.shape[0], dense.shape[1]) if out is None else out
    for rows, part in row_parts(matrix):
        found = _weighted_rows(part, dense.detach())
        if added is not None:
            found += added[rows]
        if scale != 1:
            found *= scale
        if out is None and part is matrix:
            return found
        product[rows] = found
    return product


def walk(
    graph: Tensor,
    table: Tensor,
    layers: int,
    spare: Sequence[Tensor | None] = (None, None),
    everyone: Callable[[Tensor], Tensor] = lambda rows: rows,
) -> Tensor:
    """Return the mean over l = 0 .. ``layers`` of G^l ``table``, (N, D); G symmetric, so this is its own adjoint.

    Args:
        graph: CSR, G or, with ``everyone``, some nodes' rows of it.
        spare: two tables (N, D) to overwrite; the result is one of them.
        everyone: returns all nodes' rows, where ``graph`` and ``table`` hold those of some.
    """
    hidden = table
    for left in reversed(range(layers)):
        # X + G (X + G (X + ...)): one table to write a layer, none to add up.
        hidden = times(graph, everyone(hidden), table, 1.0 if left else 1 / (layers + 1), spare[left % 2])
    return hidden


def row_parts(matrix: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Yield consecutive rows of a CSR ``matrix`` (N, M), as a slice and as a matrix of its own; on a card all at once.

    The parts share the matrix's memory.
    """
    if matrix.device.type != "cpu" or matrix.shape[0] <= ROW_BLOCK:
        yield slice(0, matrix.shape[0]), matrix
        return
    for start in range(0, matrix.shape[0], ROW_BLOCK):
        rows = slice(start, min(start + ROW_BLOCK, matrix.shape[0]))
        begins = matrix.crow_indices()[rows.start : rows.stop + 1]
        entries = slice(int(begins[0]), int(begins[-1]))
        parts = (begins - begins[0], matrix.col_indices()[entries], matrix.values()[entries])
        size = (rows.stop - rows.start, matrix.shape[1])
        yield rows, torch.sparse_csr_tensor(*parts, size=size, check_invariants=False)


def _weighted_rows(matrix: Tensor, dense: Tensor) -> Tensor:
    """Return the product of ``matrix`` and ``dense``; on a processor as weighted sums of rows.

    Unlike a sparse product these fetch rows ahead, which takes a third of the time.
    """
    if dense.device.type != "cpu":
        return matrix @ dense
    return torch.nn.functional.embedding_bag(
        matrix.col_indices(),
        dense,
        matrix.crow_indices(),
        mode="sum",
        per_sample_weights=matrix.values(),
        include_last_offset=True,
    )


def dots(pattern: Tensor, left: Tensor, right: Tensor) -> Tensor:
    """Return left[row] . right[column] at each entry of a CSR ``pattern`` (N, M), from (N, D) and (M, D)."""
    found: Tensor = torch.sparse.sampled_addmm(pattern, left, right.T, beta=0.0).values()
    return found


def with_values(pattern: Tensor, values: Tensor) -> Tensor:
    """Return the CSR ``pattern`` with other values at its entries."""
    return csr(pattern.crow_indices(), pattern.col_indices(), values, pattern.shape)


def csr(begins: Tensor, columns: Tensor, values: Tensor, size: Sequence[int]) -> Tensor:
    """Return the CSR tensor of ``size`` (N, M) whose rows begin at ``begins`` (N + 1,), taken on trust."""
    with _ANNOUNCING:
        _announce()
    return torch.sparse_csr_tensor(begins, columns, values, size=tuple(size), check_invariants=False)


def row_sums(matrix: Tensor) -> Tensor:
    """Return the sum of each row of a CSR ``matrix`` (N, M) in float64, (N,)."""
    begins, values = matrix.crow_indices().long(), matrix.values()
    reached = torch.zeros(len(begins), dtype=torch.float64, device=values.device)
    before = reached.new_zeros(1)
    for rows, entries in row_blocks(begins, len(values)):
        total = torch.cat([before, values[entries].double()]).cumsum(0)
        reached[rows.start : rows.stop + 1] = total.index_select(0, begins[rows.start : rows.stop + 1] - entries.start)
        before = total[-1:]
    return reached.diff()


def row_blocks(begins: Tensor, count: int) -> Iterator[tuple[slice, slice]]:
    """Yield consecutive rows of a matrix, and the entries that are theirs; on a card all at once.

    Args:
        begins: (N + 1,) where each row begins, and where the last one ends. count: of all entries.
    """
    rows = len(begins) - 1
    if begins.device.type != "cpu" or count <= ENTRIES:
        yield slice(0, rows), slice(0, count)
        return
    wanted = torch.arange(ENTRIES, count, ENTRIES, dtype=begins.dtype)
    cuts = torch.unique_consecutive(torch.searchsorted(begins[1:], wanted)).tolist()
    for start, stop in pairwise([0, *(each for each in cuts if each), rows]):
        yield slice(start, stop), slice(int(begins[start]), int(begins[stop]))


def scaled_sides(matrix: Tensor, left: Tensor, right: Tensor) -> Tensor:
    """Return diag(``left``) ``matrix`` diag(``right``) of a CSR ``matrix`` (N, M), ``left`` (N,), ``right`` (M,)."""
    begins, columns, values = matrix.crow_indices().long(), matrix.col_indices(), matrix.values()
    scaled = torch.empty_like(values)
    for rows, entries in row_blocks(begins, len(values)):
        counts = begins[rows.start : rows.stop + 1].diff()
        by_row = left[rows].repeat_interleave(counts, output_size=entries.stop - entries.start)
        torch.mul(values[entries] * by_row, right.index_select(0, columns[entries]), out=scaled[entries])
    return with_values(matrix, scaled)


def enlarged(matrix: Tensor, size: int) -> Tensor:
    """Return a CSR ``matrix`` (N, N) with empty rows and columns up to ``size``."""
    begins = matrix.crow_indices()
    wider = torch.cat([begins, begins[-1:].expand(size + 1 - len(begins))])
    return csr(wider, matrix.col_indices(), matrix.values(), (size, size))


def csr_tensor(matrix: sp.csr_matrix, device: torch.device | str = "cpu") -> Tensor:
    """Return a torch CSR tensor of ``matrix`` in float32 with the narrowest index type that fits."""
    matrix = matrix.tocsr()
    matrix.sort_indices()
    with _ANNOUNCING:
        _announce()
    return _csr_tensor(matrix, device)


def _csr_tensor(matrix: sp.csr_matrix, device: torch.device | str) -> Tensor:
    index = position_type(max(*matrix.shape, matrix.nnz))
    return torch.sparse_csr_tensor(
        torch.as_tensor(matrix.indptr.astype(index)),
        torch.as_tensor(matrix.indices.astype(index)),
        torch.as_tensor(matrix.data.astype(np.float32)),
        size=matrix.shape,
        device=device,
        # torch below 2.13 refuses what has no entry: "expected col_indices to be a contiguous tensor per batch".
        check_invariants=matrix.nnz > 0,
    )


@cache
def _announce() -> None:
    """Make torch say now what it says at the first CSR tensors of a process, to nobody: filters are not for threads."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")
        warnings.filterwarnings("ignore", message="Sparse invariant checks are implicitly disabled")
        _csr_tensor(sp.csr_matrix(np.ones((1, 1), np.float32)), "cpu")
