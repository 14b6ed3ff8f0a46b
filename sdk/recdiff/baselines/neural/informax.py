"""Mutual information of nodes with the summary of their component (Velickovic et al., 2019, as KCGN uses it).

Letters: N nodes, D embedding width, B nodes of a batch, K components.
z = PReLU(D^-1/2 (A + I) x), z~ the same of shuffled rows, s_k = sigmoid(mean of z over component k).
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
import torch
from scipy.sparse.csgraph import connected_components
from torch import Tensor, nn
from torch.nn import functional

from recdiff.baselines.task import degrees, inverse, scaled
from recdiff.graph.sparse import Propagator

# Components of no more nodes have no summary worth asking for.
SMALL_COMPONENT = 10


class Informax(nn.Module):
    """The loss softplus(-z . s) + softplus(z~ . s) over a symmetric graph without self loops."""

    def __init__(self, adjacency: sp.csr_matrix) -> None:
        super().__init__()
        looped = sp.csr_matrix(adjacency + sp.eye_array(adjacency.shape[0], format="csr"))
        self.graph = Propagator.of(scaled(inverse(degrees(looped)[0], 0.5), looped, np.ones(looped.shape[1])))
        _, component = connected_components(adjacency, directed=False)
        self.component = torch.as_tensor(component.astype(np.int64))
        self.sizes = torch.bincount(self.component)
        self.activation = nn.PReLU()

    def forward(self, rows: Tensor, nodes: Tensor, order: Tensor) -> Tensor:
        """Return the mean loss over those of ``nodes`` (B,) in large components; 0 where none is.

        Args:
            rows: x, (N, D).
            order: the permutation of the nodes that shuffles ``rows``, (N,).
        """
        nodes = nodes[self.sizes[self.component[nodes]] > SMALL_COMPONENT]
        if not len(nodes):
            return rows.new_zeros(())
        true = self.activation(self.graph @ rows)
        shuffled = self.activation(self.graph @ rows[order])
        sums = true.new_zeros(len(self.sizes), true.shape[1]).index_add(0, self.component, true)
        summary = torch.sigmoid(sums / self.sizes.unsqueeze(-1))[self.component[nodes]]
        near, far = ((part[nodes] * summary).sum(-1) for part in (true, shuffled))
        return (functional.softplus(-near) + functional.softplus(far)).mean()
