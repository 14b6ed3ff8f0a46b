"""Neighbours listed one node after another, and softmax and sums within each list.

Letters: N nodes with a list each, M nodes that are listed, E entries of all lists together, D width.
Everything takes time and memory linear in E.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True, eq=False)
class Segments:
    """One list of neighbours a node.

    Attributes:
        starts: (N + 1,) int64; the list of node n is ``members[starts[n] : starts[n + 1]]``.
        members: (E,) int64 positions of the listed nodes.
        weights: (E,) float32 above 0; a softmax counts an entry so many times.
    """

    starts: Tensor
    members: Tensor
    weights: Tensor

    @classmethod
    def of(cls, matrix: sp.csr_matrix, most: int, generator: torch.Generator) -> Segments:
        """List each row's entries of ``matrix`` (N, M) above 0; of a longer row ``most`` drawn without repetition."""
        matrix = sp.csr_matrix(matrix, dtype=np.float32, copy=True)
        matrix.eliminate_zeros()
        counts = torch.as_tensor(np.diff(matrix.indptr).astype(np.int64))
        owners = torch.repeat_interleave(torch.arange(len(counts)), counts)
        kept = within(owners, counts, torch.rand(len(owners), generator=generator)) < most
        members, weights = torch.as_tensor(matrix.indices.astype(np.int64)), torch.as_tensor(matrix.data)
        return cls(_starts(counts.clamp(max=most)), members[kept], weights[kept])

    @cached_property
    def owners(self) -> Tensor:
        """The (E,) node that each entry belongs to."""
        return torch.repeat_interleave(torch.arange(len(self.starts) - 1), self.starts.diff())

    def taken(self, nodes: Tensor, left_out: Tensor) -> tuple[Segments, Tensor]:
        """Return the lists of ``nodes`` (B,), without the member ``left_out`` (B,) of each.

        Second comes the entry of this that each entry of the new lists is, so that what was computed for an entry
        once serves all nodes that take it.
        """
        counts = self.starts.diff()[nodes]
        owners = torch.repeat_interleave(torch.arange(len(nodes)), counts)
        begins = self.starts[nodes] - _starts(counts)[:-1]
        entries = torch.arange(len(owners)) + begins[owners]
        kept = self.members[entries] != left_out[owners]
        entries, owners = entries[kept], owners[kept]
        starts = _starts(torch.bincount(owners, minlength=len(nodes)))
        return Segments(starts, self.members[entries], self.weights[entries]), entries

    def drawn(self, nodes: Tensor, generator: torch.Generator) -> Tensor:
        """Return one member by chance of the list of each of ``nodes`` (B,), (B,); -1 for an empty list."""
        counts = self.starts.diff()[nodes]
        places = (torch.rand(len(nodes), generator=generator) * counts).long()
        found = torch.full_like(nodes, -1)
        some = counts > 0
        found[some] = self.members[(self.starts[nodes] + places)[some]]
        return found

    def softmax(self, scores: Tensor, own: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return each entry's share weight exp(score) / sum over its list, (E,), and the node's own share, (N,).

        Args:
            scores: (E,).
            own: (N,) score of the node itself, which stands in its list with weight 1; None: it does not, share 0.
        """
        count = len(self.starts) - 1
        top = scores.new_full((count,), -torch.inf) if own is None else own.detach()
        top = top.scatter_reduce(0, self.owners, scores.detach(), "amax")
        raised = self.weights * torch.exp(scores - top[self.owners])
        itself = raised.new_zeros(count) if own is None else torch.exp(own - top)
        total = itself.index_add(0, self.owners, raised)
        # An empty list has no share to give.
        total = torch.where(total > 0, total, 1.0)
        return raised / total.index_select(0, self.owners), itself / total

    def log_sums(self, scores: Tensor) -> Tensor:
        """Return the log of the sum of weight exp(score) over each list, (N,), from ``scores`` (E,); empty: -inf."""
        count = len(self.starts) - 1
        top = scores.new_full((count,), -torch.inf).scatter_reduce(0, self.owners, scores.detach(), "amax")
        raised = self.weights * torch.exp(scores - top[self.owners])
        total = raised.new_zeros(count).index_add(0, self.owners, raised)
        # The log of 0 would have no gradient; what is added, -inf, makes up for the 1.
        return torch.log(torch.where(total > 0, total, 1.0)) + top

    def weighted(self, shares: Tensor, table: Tensor) -> Tensor:
        """Return the sum over each list of share times the member's row of ``table`` (M, D), (N, D)."""
        if not len(self.members):
            return table.new_zeros(len(self.starts) - 1, table.shape[1])
        return functional.embedding_bag(
            self.members, table, self.starts, mode="sum", per_sample_weights=shares, include_last_offset=True
        )


def within(owners: Tensor, counts: Tensor, keys: Tensor) -> Tensor:
    """Return the place, from 0, of each entry (E,) in its own list when lists are sorted by ``keys`` in [0, 1), (E,).

    Args:
        owners: (E,) ascending, the list of each entry.
        counts: (N,) entries of each list.
    """
    order = torch.argsort(keys, stable=True)
    order = order[torch.argsort(owners[order], stable=True)]
    places = torch.empty_like(order)
    places[order] = torch.arange(len(order)) - _starts(counts)[:-1][owners]
    return places


def _starts(counts: Tensor) -> Tensor:
    return functional.pad(torch.cumsum(counts, 0), (1, 0))
