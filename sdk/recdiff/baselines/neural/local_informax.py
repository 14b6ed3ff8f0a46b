"""Mutual information of nodes with what is near them, with themselves and with their edges, as SMIN uses it.

Letters: N nodes, D embedding width, B nodes of a batch, E edges.
z = PReLU(D^-1/2 A x), z~ the same of shuffled rows; g_i = sigmoid(mean of x over the nodes near i), which are its
neighbours and those that more than ``FEW`` paths of two edges lead to, at most ``metapaths.MOST`` of the latter.
Near: softplus(-z . g) + softplus(z~ . g); own: softplus(-z . x) + softplus(z~ . x), means over the batch; edges: sum
over all edges of (1 - sigmoid(z_i . z_j))^2 / N, estimated by ``EDGES`` of them drawn at random.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor, nn
from torch.nn import functional

from recdiff.baselines.neural.metapaths import nearest
from recdiff.baselines.task import degrees, inverse, scaled
from recdiff.graph.sparse import Propagator

FEW = 10
EDGES = 4096


class LocalInformax(nn.Module):
    """The three losses over a symmetric graph without loops."""

    def __init__(self, graph: sp.csr_matrix) -> None:
        super().__init__()
        ones = np.ones(graph.shape[0])
        self.graph = Propagator.of(scaled(inverse(degrees(graph)[0], 0.5), graph, ones))
        near = near_nodes(graph)
        self.near = Propagator.of(scaled(inverse(degrees(near)[0]), near, ones))
        self.has_near = torch.as_tensor(np.diff(near.indptr) > 0)
        upper = sp.triu(graph, 1).tocoo()
        self.edges = torch.as_tensor(np.stack([upper.row, upper.col]).astype(np.int64))
        self.activation = nn.PReLU()

    def forward(self, rows: Tensor, nodes: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return the loss of what is near, and the sum of those of the node itself and of edges.

        Args:
            rows: x, (N, D).
            nodes: (B,); those with nothing near have no part in the first two losses.
        """
        order = torch.randperm(len(rows), generator=generator)
        true = self.activation(self.graph @ rows)
        shuffled = self.activation(self.graph @ rows[order])
        own = self._edge_loss(true, generator)
        nodes = nodes[self.has_near[nodes]]
        if not len(nodes):
            return rows.new_zeros(()), own
        summary = torch.sigmoid(self.near @ rows)[nodes]
        near, far = true[nodes], shuffled[nodes]
        return _told_apart(near, far, summary), own + _told_apart(near, far, rows[nodes])

    def _edge_loss(self, rows: Tensor, generator: torch.Generator) -> Tensor:
        count = self.edges.shape[1]
        if not count:
            return rows.new_zeros(())
        chosen = self.edges
        if count > EDGES:
            chosen = self.edges[:, torch.randint(count, (EDGES,), generator=generator)]
        alike = torch.sigmoid((rows[chosen[0]] * rows[chosen[1]]).sum(dim=-1))
        return (1.0 - alike).square().mean() * (count / len(rows))


def near_nodes(graph: sp.csr_matrix) -> sp.csr_matrix:
    """Return which nodes are near which, (N, N) 0/1 and symmetric, of a symmetric ``graph`` without loops."""
    ones = sp.csr_matrix(graph, dtype=np.float32, copy=True)
    ones.data[:] = 1.0
    return sp.csr_matrix(ones.maximum(nearest(ones, ones, np.ones(len(ones.indptr) - 1), FEW)))


def _told_apart(near: Tensor, far: Tensor, summary: Tensor) -> Tensor:
    """Return the mean over rows (B, D) of softplus(-near . summary) + softplus(far . summary)."""
    true, shuffled = ((part * summary).sum(dim=-1) for part in (near, far))
    return (functional.softplus(-true) + functional.softplus(shuffled)).mean()
