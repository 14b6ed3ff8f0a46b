"""A social graph whose edges lie in folds, on the device that multiplies it.

Letters: U users, E edges, N entries of a matrix.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from torch import Tensor

from recdiff.arrays import position_type
from recdiff.graph.keys import among, distinct
from recdiff.graph.pairs import pair_keys
from recdiff.graph.social_graph import SocialGraph
from recdiff.graph.sparse import csr, row_blocks, row_sums


@dataclass(frozen=True, eq=False)
class Sides:
    """One weighted social graph, as products need it.

    Attributes:
        out: CSR (U, U), A[src, dst]; into: its transpose; both: their sum, whose rows may name a column twice. All the
            same matrix where the graph is undirected.
        sent, received: (U, 2) float64: how many edges leave and reach each user, and how many of those are answered;
            None where the graph is undirected.
    """

    out: Tensor
    into: Tensor
    both: Tensor
    sent: Tensor | None = None
    received: Tensor | None = None

    @property
    def directed(self) -> bool:
        """Whether edges have directions."""
        return self.into is not self.out


@dataclass(frozen=True, eq=False)
class _Pattern:
    """Where a matrix has entries, and which edge is behind each.

    Attributes:
        begins: (U + 1,) where each row begins; columns: (N,); edge: (N,) row in the edges; fold: (N,).
    """

    begins: Tensor
    columns: Tensor
    edge: Tensor
    fold: Tensor

    @classmethod
    def of(cls, rows: Tensor, columns: Tensor, fold: Tensor, users: int) -> _Pattern:
        """Put the entries ``rows``, ``columns`` (N,) in order of rows; entry n and n + E are of the edge n."""
        order = _order(rows, users)
        begins = torch.cat([rows.new_zeros(1, dtype=torch.int64), torch.bincount(rows, minlength=users).cumsum(0)])
        edge = (order % len(fold)).to(index_type(len(fold)))
        narrow = index_type(max(users, len(rows)))
        return cls(begins.to(narrow), columns.index_select(0, order).to(narrow), edge, fold.index_select(0, edge))

    def matrix(self, left_out: int, weight: Tensor | None) -> Tensor:
        """Return the CSR matrix (U, U) of the entries of other folds, with the ``weight`` (E,) of their edges, or 1.

        Where no entry is left out, the columns are the pattern's own.
        """
        kept = int((self.fold != left_out).sum())
        values = torch.ones(kept, device=self.columns.device)
        whole = kept == len(self.columns)
        columns = self.columns if whole else self.columns.new_empty(kept)
        begins = torch.zeros_like(self.begins)
        done = 0
        for rows, entries in row_blocks(self.begins, len(self.columns)):
            chosen = (self.fold[entries] != left_out).nonzero().squeeze(1)
            part = slice(done, done + len(chosen))
            if not whole:
                torch.index_select(self.columns[entries], 0, chosen, out=columns[part])
            if weight is not None:
                values[part] = weight.index_select(0, self.edge[entries].index_select(0, chosen))
            reached = self.begins[rows.start + 1 : rows.stop + 1] - entries.start
            begins[rows.start + 1 : rows.stop + 1] = torch.searchsorted(chosen, reached.to(chosen.dtype)) + done
            done += len(chosen)
        users = len(self.begins) - 1
        return csr(begins, columns, values, (users, users))


@dataclass(frozen=True, eq=False)
class FoldedGraph:
    """A social graph whose edges lie in folds: put in order once, so that leaving a fold out is one pass over it.

    Attributes:
        patterns: of ``Sides.out``, ``into`` and ``both``; one where the graph is undirected.
        answered: (E,) whether the reverse of a directed edge exists; it is of the same fold.
    """

    patterns: tuple[_Pattern, ...]
    answered: Tensor | None

    @classmethod
    def of(
        cls,
        graph: SocialGraph,
        fold: NDArray[np.integer],
        device: torch.device | str = "cpu",
    ) -> FoldedGraph:
        """Order the edges of ``graph``, whose folds are ``fold`` (E,), on ``device``."""
        edges, num_users = graph.edges, graph.num_users
        narrow = position_type(num_users)
        src, dst = (torch.as_tensor(edges[:, side].astype(narrow)).to(device) for side in (0, 1))
        # Two more than the largest fold: what leaves nothing out is one more.
        folds = torch.as_tensor(fold.astype(np.min_scalar_type(-2 - int(fold.max(initial=0))))).to(device)
        both = _Pattern.of(torch.cat([dst, src]), torch.cat([src, dst]), folds, num_users)
        if not graph.directed:
            return cls((both,), None)
        keys, back = (pair_keys(each, num_users, directed=True) for each in (edges, edges[:, ::-1]))
        answered = torch.as_tensor(among(back, distinct(keys))).to(device)
        out, into = (_Pattern.of(*ends, folds, num_users) for ends in ((src, dst), (dst, src)))
        return cls((out, into, both), answered)

    @property
    def whole(self) -> sp.csr_matrix:
        """The ``social_adjacency`` (U, U) of all edges, each 1, a byte."""
        pattern = self.patterns[0]
        columns = pattern.columns.cpu().numpy()
        users = len(pattern.begins) - 1
        found = sp.csr_matrix(
            (np.ones(len(columns), np.int8), columns, pattern.begins.cpu().numpy()), shape=(users, users)
        )
        # On a processor the columns are the pattern's own.
        return found if found.has_sorted_indices else found.sorted_indices()

    def without(self, left_out: int, weight: Tensor | None = None) -> Sides:
        """Return the graph of the edges of other folds than ``left_out``, with their ``weight`` (E,) or 1."""
        found = [pattern.matrix(left_out, weight) for pattern in self.patterns]
        if self.answered is None:
            return Sides(found[0], found[0], found[0])
        sent, received = (_answers(pattern, left_out, self.answered.float()) for pattern in self.patterns[:2])
        return Sides(found[0], found[1], found[2], sent, received)


def _answers(pattern: _Pattern, left_out: int, answered: Tensor) -> Tensor:
    """Return how many edges of other folds each row has, and how many of them are ``answered`` (E,), (U, 2)."""
    return torch.stack([row_sums(pattern.matrix(left_out, each)) for each in (None, answered)], dim=1)


def _order(rows: Tensor, users: int) -> Tensor:
    """Return the order (N,) that sorts ``rows`` (N,), whose equals stay in order."""
    if rows.device.type != "cpu":
        return torch.sort(rows, stable=True).indices
    # By counting: a tenth of the time of a sort.
    number = np.arange(len(rows), dtype=position_type(len(rows)))
    begins = np.arange(len(rows) + 1, dtype=number.dtype)
    one_each = sp.csr_matrix((number, rows.numpy().astype(number.dtype), begins), shape=(len(rows), users))
    return torch.as_tensor(one_each.tocsc().data)


def index_type(largest: int) -> torch.dtype:
    """Return the narrowest type of positions below ``largest``."""
    return torch.int32 if position_type(largest) is np.int32 else torch.int64
