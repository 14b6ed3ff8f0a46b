"""NGCF (Wang et al., 2019): graph convolution in which a neighbour also counts by how alike it is.

Letters: U users, I items, N = U + I nodes, D embedding width, L layers; * elementwise.
A = D^-1/2 [[0, R], [R^T, 0]] D^-1/2; E_{l+1} = LeakyReLU((A E_l + E_l) W_l + (A E_l * E_l) V_l + biases);
embedding = E_0 beside the L2-normalised E_1 .. E_L, (N, D (L + 1)).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from recdiff.baselines.neural.layers import dropped, linear
from recdiff.baselines.pairwise import EPOCHS, WIDTH, Batch, Encoder, Rates, train_pairwise
from recdiff.baselines.task import Task
from recdiff.graph.adjacency import bipartite_adjacency, symmetric_normalised
from recdiff.graph.sparse import Propagator
from recdiff.metrics.ranking import Score

SLOPE = 0.2
DROPOUT = 0.1


class NGCF(Encoder):
    """Tables and layers side by side; in training each layer drops entries."""

    def __init__(self, task: Task, layers: int, generator: torch.Generator) -> None:
        super().__init__(task, generator)
        self.graph = Propagator.of(symmetric_normalised(bipartite_adjacency(task.train)))
        self.plain = nn.ModuleList(linear(WIDTH, WIDTH, generator) for _ in range(layers))
        self.alike = nn.ModuleList(linear(WIDTH, WIDTH, generator) for _ in range(layers))

    def embed(self) -> tuple[Tensor, Tensor]:
        return self._spread(None)

    def rows(self, batch: Batch, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        users, items = self._spread(generator)
        return users[batch.users], items[batch.positives], items[batch.negatives]

    def _spread(self, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
        hidden = torch.cat([self.users, self.items])
        blocks = [hidden]
        for plain, alike in zip(self.plain, self.alike, strict=True):
            near = self.graph @ hidden
            hidden = functional.leaky_relu(plain(near + hidden) + alike(near * hidden), SLOPE)
            hidden = dropped(hidden, DROPOUT, generator)
            blocks.append(functional.normalize(hidden, dim=-1))
        whole = torch.cat(blocks, dim=1)
        return whole[: len(self.users)], whole[len(self.users) :]


def fit_ngcf(
    task: Task, layers: int, regularisation: float, learning_rate: float = 0.005, epochs: int = EPOCHS
) -> Score:
    """Score by NGCF, which knows no ties."""
    generator = torch.Generator().manual_seed(task.seed)
    encoder = NGCF(task, layers, generator)
    return train_pairwise(task, encoder, Rates(learning_rate, regularisation), generator, epochs)
