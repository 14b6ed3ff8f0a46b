"""LightGCN (He et al., 2020), with social edges as further edges of the same graph, and XSimGCL (Yu et al., 2022).

Letters: U users, I items, N = U + I nodes, D embedding width, L layers, w edge weight.
A = D^-1/2 [[w S, R], [R^T, 0]] D^-1/2; embedding = mean over l = 0 .. L of A^l X, with the table X (N, D).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from recdiff.baselines.pairwise import EPOCHS, Batch, Encoder, Rates, train_pairwise
from recdiff.baselines.task import Task
from recdiff.graph.adjacency import symmetric_normalised
from recdiff.graph.sparse import Propagator
from recdiff.metrics.ranking import Score
from recdiff.recommender.joint_graph import joint_adjacency

TEMPERATURE = 0.2
CONTRASTED = 2048
"""As many as a batch of the article has rows."""


class LightGCN(Encoder):
    """Mean of the propagated tables."""

    def __init__(self, task: Task, layers: int, tie_weight: float, generator: torch.Generator) -> None:
        super().__init__(task, generator)
        self.layers = layers
        self.graph = Propagator.of(symmetric_normalised(joint_adjacency(task.train, task.social, tie_weight)))

    def embed(self) -> tuple[Tensor, Tensor]:
        hidden = total = torch.cat([self.users, self.items])
        for _ in range(self.layers):
            hidden = self.graph @ hidden
            total = total + hidden
        return self.divide(total / (self.layers + 1))

    def divide(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return the (U, D) and (I, D) parts of (N, D) rows."""
        return rows[: len(self.users)], rows[len(self.users) :]


class XSimGCL(LightGCN):
    """LightGCN without the table in the mean, noise in every layer, and the first layer contrasted with the mean."""

    def __init__(
        self, task: Task, layers: int, *, tie_weight: float, noise: float, contrast: float, generator: torch.Generator
    ) -> None:
        super().__init__(task, layers, tie_weight, generator)
        self.noise = noise
        self.contrast = contrast

    def embed(self) -> tuple[Tensor, Tensor]:
        return self.divide(self._walk(None)[1])

    def further_loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """Return ``contrast`` times the InfoNCE of the batch's distinct users and items, first layer against mean.

        Of each at most ``CONTRASTED`` are drawn: every pair of them is compared.
        """
        near, mean = (self.divide(rows) for rows in self._walk(generator))
        users, items = (_some(torch.unique(nodes), generator) for nodes in (batch.users, batch.positives))
        loss = info_nce(near[0][users], mean[0][users]) + info_nce(near[1][items], mean[1][items])
        return self.contrast * loss

    def _walk(self, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
        """Return the first layer and the mean of all layers, (N, D) each; noisy where there is a generator."""
        hidden = torch.cat([self.users, self.items])
        layers = []
        for _ in range(self.layers):
            hidden = self.graph @ hidden
            if generator is not None:
                shift = functional.normalize(torch.rand(hidden.shape, generator=generator), dim=-1)
                hidden = hidden + torch.sign(hidden) * shift * self.noise
            layers.append(hidden)
        return layers[0], torch.stack(layers).mean(dim=0)


def _some(nodes: Tensor, generator: torch.Generator) -> Tensor:
    return nodes[torch.randperm(len(nodes), generator=generator)[:CONTRASTED]]


def info_nce(left: Tensor, right: Tensor) -> Tensor:
    """Return -log softmax of each row's cosine with its own partner among all partners, mean over rows (B, D)."""
    similar = functional.normalize(left, dim=-1) @ functional.normalize(right, dim=-1).T / TEMPERATURE
    return functional.cross_entropy(similar, torch.arange(len(left)))


def fit_lightgcn(
    task: Task,
    layers: int,
    regularisation: float,
    *,
    learning_rate: float = 0.01,
    tie_weight: float = 0.0,
    epochs: int = EPOCHS,
) -> Score:
    """Score by LightGCN; with ``tie_weight`` above 0 edges take part in the propagation, with 0 layers it is BPR-MF."""
    generator = torch.Generator().manual_seed(task.seed)
    encoder = LightGCN(task, layers, tie_weight, generator)
    return train_pairwise(task, encoder, Rates(learning_rate, regularisation), generator, epochs)


def fit_xsimgcl(
    task: Task,
    layers: int,
    regularisation: float,
    *,
    noise: float,
    contrast: float,
    learning_rate: float = 0.01,
    epochs: int = EPOCHS,
) -> Score:
    """Score by XSimGCL on interactions."""
    generator = torch.Generator().manual_seed(task.seed)
    encoder = XSimGCL(task=task, layers=layers, tie_weight=0.0, noise=noise, contrast=contrast, generator=generator)
    return train_pairwise(task, encoder, Rates(learning_rate, regularisation), generator, epochs)
