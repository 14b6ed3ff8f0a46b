"""DiffNet without side features (Wu et al., 2019): influence spreads over edges, taste comes from the items.

Letters: U users, I items, D embedding width.
u_0 = user table, u_{l+1} = mean of u_l over the user's edges + u_l; user = u_L + mean of the items' rows.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from recdiff.baselines.pairwise import EPOCHS, Encoder, Rates, train_pairwise
from recdiff.baselines.task import Task, degrees, inverse, scaled
from recdiff.graph.sparse import Propagator
from recdiff.metrics.ranking import Score


class DiffNet(Encoder):
    """Users from diffused user rows and their items' rows; items as they are."""

    def __init__(self, task: Task, depth: int, generator: torch.Generator) -> None:
        super().__init__(task, generator)
        self.depth = depth
        self.social = Propagator.of(row_mean(task.social))
        self.history = Propagator.of(row_mean(task.train))

    def embed(self) -> tuple[Tensor, Tensor]:
        hidden: Tensor = self.users
        for _ in range(self.depth):
            hidden = self.social @ hidden + hidden
        return hidden + self.history @ self.items, self.items


def row_mean(matrix: sp.csr_matrix) -> sp.csr_matrix:
    """Return ``matrix`` with every row divided by its sum; empty rows stay empty."""
    rows, columns = degrees(matrix)
    return scaled(inverse(rows), matrix, np.ones(len(columns)))


def fit_diffnet(
    task: Task, depth: int, regularisation: float, learning_rate: float = 0.01, epochs: int = EPOCHS
) -> Score:
    """Score by DiffNet."""
    generator = torch.Generator().manual_seed(task.seed)
    encoder = DiffNet(task, depth, generator)
    return train_pairwise(task, encoder, Rates(learning_rate, regularisation), generator, epochs)
