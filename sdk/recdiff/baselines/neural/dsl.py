"""DSL (Wang et al., 2023): LightGCN on interactions and on ties from one user table, the second aligned by pairs.

Letters: U users, I items, D embedding width, E ties, P pairs of users; [a; b] is a beside b.
e_u of interactions, v_u of ties: each the sum of the layers 0 .. L of its graph.
c = LeakyReLU(W [e_a; e_b] + w) + e_a + e_b, label s = sigmoid(q . c + b) with dropout after each linear layer;
further loss = alpha BPR of ties (a tied user against a random one) + beta sum over pairs of max(0, 1 - s v_a . v_b).
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor
from torch.nn import functional

from recdiff.baselines.neural.layers import dropped, linear
from recdiff.baselines.pairwise import EPOCHS, WIDTH, Batch, Encoder, Rates, train_pairwise
from recdiff.baselines.task import Task
from recdiff.graph.adjacency import bipartite_adjacency, symmetric_normalised
from recdiff.graph.sparse import Propagator
from recdiff.metrics.ranking import Score

SLOPE = 0.5
DROPOUT = 0.5
# Pairs of users drawn a step.
PAIRS = 2048


class DSL(Encoder):
    """Items and users of the interactions; ties act through the table that both graphs share."""

    def __init__(self, task: Task, layers: int, tie_loss: float, alignment: float, generator: torch.Generator) -> None:
        super().__init__(task, generator)
        self.layers, self.tie_loss, self.alignment = layers, tie_loss, alignment
        self.graph = Propagator.of(symmetric_normalised(bipartite_adjacency(task.train)))
        both = sp.csr_matrix((task.social + task.social.T) / 2, dtype=np.float32)
        both.eliminate_zeros()
        self.social = Propagator.of(symmetric_normalised(both))
        coo = both.tocoo()
        self.ties = torch.as_tensor(np.stack([coo.row, coo.col]).astype(np.int64))
        self.tie_weight = torch.as_tensor(coo.data)
        self.joined = linear(2 * WIDTH, WIDTH, generator)
        self.label = linear(WIDTH, 1, generator)

    def embed(self) -> tuple[Tensor, Tensor]:
        whole = self._sum(self.graph, torch.cat([self.users, self.items]), self.layers)
        return whole[: len(self.users)], whole[len(self.users) :]

    def further_loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """Return the tie loss, mean over as many ties as the batch has rows, and the alignment loss over pairs."""
        users, _ = self.embed()
        social = self._sum(self.social, self.users, 1)
        left, right = torch.randint(len(users), (2, PAIRS), generator=generator)
        label = self._label(users[left], users[right], generator)
        hinge = functional.relu(1.0 - label * (social[left] * social[right]).sum(dim=-1)).sum()
        return self.tie_loss * self._tie_loss(social, len(batch.users), generator) + self.alignment * hinge

    def _tie_loss(self, social: Tensor, count: int, generator: torch.Generator) -> Tensor:
        if not len(self.tie_weight):
            return social.new_zeros(())
        chosen = torch.randint(len(self.tie_weight), (count,), generator=generator)
        source, target = self.ties[:, chosen]
        other = torch.randint(len(social), (count,), generator=generator)
        gap = (social[source] * (social[target] - social[other])).sum(dim=-1)
        return (self.tie_weight[chosen] * functional.softplus(-gap)).mean()

    def _label(self, left: Tensor, right: Tensor, generator: torch.Generator | None) -> Tensor:
        """Return how alike the interactions make two users, in (0, 1), (P,), from rows (P, D)."""
        mixed = dropped(self.joined(torch.cat([left, right], dim=1)), DROPOUT, generator)
        mixed = functional.leaky_relu(mixed, SLOPE) + left + right
        return torch.sigmoid(dropped(self.label(mixed), DROPOUT, generator).squeeze(-1))

    @staticmethod
    def _sum(graph: Propagator, table: Tensor, layers: int) -> Tensor:
        hidden = total = table
        for _ in range(layers):
            hidden = graph @ hidden
            total = total + hidden
        return total


def fit_dsl(
    task: Task,
    layers: int,
    regularisation: float,
    *,
    tie_loss: float,
    alignment: float = 1e-5,
    learning_rate: float = 0.005,
    epochs: int = EPOCHS,
) -> Score:
    """Score by DSL; ``tie_loss`` and ``alignment`` weigh its two losses of ties."""
    generator = torch.Generator().manual_seed(task.seed)
    encoder = DSL(task, layers, tie_loss=tie_loss, alignment=alignment, generator=generator)
    return train_pairwise(task, encoder, Rates(learning_rate, regularisation), generator, epochs)
