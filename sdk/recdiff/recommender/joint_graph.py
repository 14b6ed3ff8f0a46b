"""Interactions and edges as one graph over users and items.

Letters: U users, I items, N = U + I nodes, w edge weight.
"""

from __future__ import annotations

from dataclasses import dataclass

import scipy.sparse as sp
import torch
from torch import Tensor

from recdiff.arrays import position_type
from recdiff.graph.sparse import csr, csr_tensor, row_sums, scaled_sides


def joint_adjacency(train: sp.csr_matrix, social: sp.csr_matrix, tie_weight: float) -> sp.csr_matrix:
    """Return the symmetric (U + I, U + I) adjacency [[w S, R], [R^T, 0]] of interactions R and edges S.

    A directed S enters as the mean of S and its transpose, since a normalised walk needs a symmetric graph.
    """
    between_users = (tie_weight / 2) * (social + social.T) if tie_weight else None
    if between_users is None:
        between_users = sp.csr_matrix((train.shape[0], train.shape[0]), dtype=train.dtype)
    return sp.csr_matrix(sp.bmat([[between_users, train], [train.T, None]], format="csr", dtype="float32"))


@dataclass(frozen=True, eq=False)
class JointGraph:
    """The joint graph on the device that walks it, users first.

    Attributes:
        observed: CSR (N, N) of ones, the observed pairs from both sides.
        walked: CSR (N, N), D^-1/2 A D^-1/2 of the joint adjacency A.
        degree: (N,) row sums of A, float64.
    """

    observed: Tensor
    walked: Tensor
    degree: Tensor

    @classmethod
    def of(
        cls, train: sp.csr_matrix, between: sp.csr_matrix, tie_weight: float, device: torch.device | str = "cpu"
    ) -> JointGraph:
        """Join interactions ``train`` (U, I) and edges ``between`` users (U, U), which is symmetric."""
        observed = observed_pairs(train, device)
        ties = csr_tensor(between, device) if tie_weight else None
        joint = observed if ties is None else _beside(ties, observed, tie_weight)
        degree = row_sums(joint)
        scale = torch.where(degree > 0, degree.clamp(min=1e-30) ** -0.5, 0.0).float()
        return cls(observed, scaled_sides(joint, scale, scale), degree)


def observed_pairs(train: sp.csr_matrix, device: torch.device | str = "cpu") -> Tensor:
    """Return the observed pairs of ``train`` (U, I) from both sides, an (N, N) CSR tensor of 2 R ones."""
    users, items = train.shape
    index = position_type(max(users + items, 2 * train.nnz))
    begins, columns = (torch.as_tensor(each.astype(index)).to(device) for each in (train.indptr, train.indices))
    rows = torch.arange(users, dtype=columns.dtype, device=columns.device)
    rows = rows.repeat_interleave(begins.long().diff(), output_size=len(columns))
    by_item = torch.sort(columns, stable=True).indices
    held = torch.bincount(columns, minlength=items).cumsum(0).to(begins.dtype)
    return csr(
        torch.cat([begins, len(columns) + held]),
        torch.cat([columns + users, rows.index_select(0, by_item)]),
        torch.ones(2 * len(columns), device=columns.device),
        (users + items, users + items),
    )


def _beside(ties: Tensor, observed: Tensor, weight: float) -> Tensor:
    """Return ``observed`` (N, N) with ``weight`` times ``ties`` (U, U) put before each user's entries."""
    starts = [each.crow_indices().long() for each in (ties, observed)]
    counts = [each.diff() for each in starts]
    counts[0] = torch.nn.functional.pad(counts[0], (0, len(counts[1]) - len(counts[0])))
    total = counts[0] + counts[1]
    begins = torch.cat([total.new_zeros(1), total.cumsum(0)])
    entries = len(ties.values()) + len(observed.values())
    columns = observed.col_indices().new_empty(entries)
    values = observed.values().new_empty(entries)
    for matrix, start, count, before, factor in (
        (ties, starts[0], counts[0][: ties.shape[0]], 0, weight),
        (observed, starts[1], counts[1], counts[0], 1.0),
    ):
        offset = (begins[:-1] + before)[: len(count)] - start[:-1]
        place = torch.arange(len(matrix.values()), device=offset.device)
        place += offset.repeat_interleave(count, output_size=len(place))
        columns[place] = matrix.col_indices().to(columns.dtype)
        values[place] = factor * matrix.values()
    return csr(begins.to(columns.dtype), columns, values, observed.shape)
