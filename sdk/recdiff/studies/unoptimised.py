"""The published model's training loop as plainly as its equations are written: the yardstick of the efficiency study.

What it does on purpose: every batch propagates over both whole graphs with all rows through dense D x D products,
negatives come from a Python loop, a loader hands out single rows. It computes the function of ``PaperModel``.

Letters: U users, I items, D embedding width, B batch.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from recdiff.config import PaperConfig
from recdiff.denoiser import Denoiser
from recdiff.diffusion import add_noise, linear_variance, reverse_walk, weighted_error
from recdiff.encoder import SLOPE
from recdiff.graph import bipartite_adjacency, symmetric_normalised
from recdiff.model import bpr_loss, norm_penalty


class PlainModel(nn.Module):
    """Encoder and denoiser, every batch from all rows of both graphs."""

    def __init__(self, config: PaperConfig, train: sp.csr_matrix, social: sp.csr_matrix) -> None:
        super().__init__()
        self.config = config
        self.num_users, num_items = train.shape
        self.users = _xavier(self.num_users, config.width)
        self.items = _xavier(num_items, config.width)
        self.user_weights = _weights(config.layers, config.width)
        self.item_weights = _weights(config.layers, config.width)
        self.social_weights = _weights(config.social_layers, config.width)
        self.denoiser = Denoiser(config.width, config.time_width, config.dropout)
        self.schedule = linear_variance(config.steps, config.noise_scale)
        self.interaction_graph = _coo(symmetric_normalised(bipartite_adjacency(train)))
        self.social_graph = _coo(symmetric_normalised(social))

    def interaction(self) -> tuple[Tensor, Tensor]:
        """Return the interaction embeddings of all users (U, D) and items (I, D)."""
        hidden: Tensor = torch.cat([self.users, self.items])
        total = hidden
        for w_user, w_item in zip(self.user_weights, self.item_weights, strict=True):
            mixed = torch.cat([hidden[: self.num_users] @ w_user, hidden[self.num_users :] @ w_item])
            hidden = nn.functional.leaky_relu(torch.sparse.mm(self.interaction_graph, mixed), SLOPE)
            total = total + nn.functional.normalize(hidden, dim=-1)
        return total[: self.num_users], total[self.num_users :]

    def social(self) -> Tensor:
        """Return the social embeddings of all users (U, D)."""
        hidden: Tensor = self.users
        total = hidden
        for weight in self.social_weights:
            hidden = nn.functional.leaky_relu(torch.sparse.mm(self.social_graph, hidden @ weight), SLOPE)
            total = total + nn.functional.normalize(hidden, dim=-1)
        return total

    def loss(self, users: Tensor, positives: Tensor, negatives: Tensor, generator: torch.Generator) -> Tensor:
        """Return the objective of a batch of positions, each (B,)."""
        user, item = self.interaction()
        social = self.social()[users]
        t = torch.randint(self.schedule.steps, (len(users),), generator=generator)
        noise = torch.randn(social.shape, generator=generator)
        predicted = self.denoiser(add_noise(social, noise, t, self.schedule), t, generator)
        rows = user[users] + predicted, item[positives], item[negatives]
        diffusion = weighted_error(predicted, social, t, self.schedule)
        return bpr_loss(*rows) + diffusion + norm_penalty(self.config.regularisation, len(users), *rows)

    @torch.no_grad()
    def embeddings(self) -> tuple[Tensor, Tensor]:
        """Return user (U, D) and item (I, D) embeddings for ranking."""
        user, item = self.interaction()

        def predict(x: Tensor, t: int) -> Tensor:
            rows: Tensor = self.denoiser(x, torch.full((len(x),), t))
            return rows

        return user + reverse_walk(self.social(), predict, self.schedule), item


class Rows(Dataset[tuple[int, int, int]]):
    """Training rows (user, item, negative), handed out one by one."""

    def __init__(self, train: sp.csr_matrix, seed: int) -> None:
        coo = train.tocoo()
        self.users, self.items, self.num_items = coo.row.tolist(), coo.col.tolist(), train.shape[1]
        self.known = set(zip(self.users, self.items, strict=True))
        self.negatives = [0] * len(self.users)
        self.rng = np.random.default_rng(seed)

    def draw(self) -> None:
        """Draw one negative per row."""
        for place, user in enumerate(self.users):
            item = int(self.rng.integers(self.num_items))
            while (user, item) in self.known:
                item = int(self.rng.integers(self.num_items))
            self.negatives[place] = item

    def __len__(self) -> int:
        return len(self.users)

    def __getitem__(self, place: int) -> tuple[int, int, int]:
        return self.users[place], self.items[place], self.negatives[place]


class Loop:
    """A plain model in training."""

    def __init__(self, config: PaperConfig, train: sp.csr_matrix, social: sp.csr_matrix, seed: int) -> None:
        torch.manual_seed(seed)
        self.model = PlainModel(config, train, social)
        self.generator = torch.Generator().manual_seed(seed)
        denoiser = {id(parameter) for parameter in self.model.denoiser.parameters()}
        encoder = [parameter for parameter in self.model.parameters() if id(parameter) not in denoiser]
        self.optimisers = (
            torch.optim.Adam(encoder, lr=config.learning_rate),
            torch.optim.Adam(self.model.denoiser.parameters(), lr=config.denoiser_learning_rate),
        )
        self.decay = [torch.optim.lr_scheduler.ExponentialLR(o, config.learning_rate_decay) for o in self.optimisers]
        self.rows = Rows(train, seed)
        self.loader = DataLoader(self.rows, config.batch_size, shuffle=True, generator=self.generator)

    def epoch(self) -> float:
        """Train one epoch and return the mean loss."""
        self.rows.draw()
        total = 0.0
        for users, positives, negatives in self.loader:
            loss = self.model.loss(users, positives, negatives, self.generator)
            for optimiser in self.optimisers:
                optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            for optimiser in self.optimisers:
                optimiser.step()
            total += loss.item()
        for decay in self.decay:
            decay.step()
        return total / len(self.loader)


def _xavier(rows: int, columns: int) -> nn.Parameter:
    return nn.Parameter(nn.init.xavier_uniform_(torch.empty(rows, columns)))


def _weights(layers: int, width: int) -> nn.ParameterList:
    return nn.ParameterList([_xavier(width, width) for _ in range(layers)])


def _coo(matrix: sp.csr_matrix) -> Tensor:
    """Return a torch COO tensor of ``matrix``."""
    coo = matrix.tocoo()
    index = torch.as_tensor(np.stack([coo.row, coo.col]).astype(np.int64))
    return torch.sparse_coo_tensor(index, torch.as_tensor(coo.data), coo.shape, check_invariants=True).coalesce()
