"""KCGN (Huang et al., 2021): convolution over interactions, mutual information over ties and over item relations.

Letters: U users, I items, D embedding width.
h = LeakyReLU(D^-1/2 (A + I) D^-1/2 [X_users W_users; X_items W_items]); embedding = [X; h / |h|].
One rating class and one time slot, whose code is the zero vector; items are related to their nearest by cosine.
"""

from __future__ import annotations

import scipy.sparse as sp
import torch
from torch import Tensor, nn
from torch.nn import functional

from recdiff.baselines.neural.informax import Informax
from recdiff.baselines.pairwise import EPOCHS, WIDTH, Batch, Encoder, Rates, train_pairwise
from recdiff.baselines.task import Task, degrees, inverse, scaled, strongest
from recdiff.graph.adjacency import symmetric_normalised
from recdiff.graph.sparse import Propagator
from recdiff.metrics.ranking import Score
from recdiff.recommender.joint_graph import joint_adjacency

SLOPE = 0.4
RELATED_ITEMS = 10
ITEM_SHARE = 0.01
"""Weight of the items' informax beside the users'; the article's settings are 0.01 and, in a later library, 0.1."""


class KCGN(Encoder):
    """Tables beside one convolution over interactions."""

    def __init__(self, task: Task, informax: float, generator: torch.Generator) -> None:
        super().__init__(task, generator)
        self.informax = informax
        joint = joint_adjacency(task.train, task.social, 0.0)
        self.graph = Propagator.of(symmetric_normalised(sp.csr_matrix(joint + sp.eye_array(joint.shape[0]))))
        draws = (torch.randn(WIDTH, WIDTH, generator=generator) * WIDTH**-0.5 for _ in range(2))
        self.user_map, self.item_map = (nn.Parameter(draw) for draw in draws)
        self.social, self.related = Informax(task.social), Informax(related_items(task.train))

    def embed(self) -> tuple[Tensor, Tensor]:
        mapped = self.graph @ torch.cat([self.users @ self.user_map, self.items @ self.item_map])
        hidden = functional.normalize(functional.leaky_relu(mapped, SLOPE), dim=-1)
        users, items = hidden[: len(self.users)], hidden[len(self.users) :]
        return torch.cat([self.users, users], dim=1), torch.cat([self.items, items], dim=1)

    def further_loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """Return ``informax`` times the users' mutual information loss plus ``ITEM_SHARE`` of the items'."""
        orders = [torch.randperm(len(rows), generator=generator) for rows in (self.users, self.items)]
        users: Tensor = self.social(self.users, batch.users, orders[0])
        items: Tensor = self.related(self.items, torch.cat([batch.positives, batch.negatives]), orders[1])
        return self.informax * (users + ITEM_SHARE * items)


def related_items(train: sp.csr_matrix) -> sp.csr_matrix:
    """Return the symmetric 0/1 (I, I) relation of items with their ``RELATED_ITEMS`` nearest by cosine."""
    users, items = degrees(train)
    unit = scaled(users**0, train, inverse(items, 0.5))
    cosine = sp.csr_matrix(unit.T @ unit)
    cosine.setdiag(0.0)
    cosine.eliminate_zeros()
    nearest = strongest(cosine, RELATED_ITEMS)
    related = sp.csr_matrix(nearest.maximum(nearest.T))
    related.data[:] = 1.0
    return related


def fit_kcgn(
    task: Task, regularisation: float, informax: float, learning_rate: float = 0.01, epochs: int = EPOCHS
) -> Score:
    """Score by KCGN."""
    generator = torch.Generator().manual_seed(task.seed)
    encoder = KCGN(task, informax, generator)
    return train_pairwise(task, encoder, Rates(learning_rate, regularisation), generator, epochs)
