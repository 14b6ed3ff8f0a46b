"""The published model's training loop as plainly as its equations are written: the yardstick of speed.

What it does on purpose: every batch propagates over both whole graphs with all rows through dense D x D products,
negatives come from a Python loop, a loader hands out single rows. It computes the function of ``PaperModel``; the
equations of its network and losses are written out here once more, so that tests can hold the fast model to them.

Letters: U users, I items, D embedding width, B batch.
"""

from __future__ import annotations

import math

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from recdiff.config import PaperConfig
from recdiff.diffusion.schedule import linear_variance
from recdiff.graph.adjacency import bipartite_adjacency, symmetric_normalised
from recdiff.paper.encoder import SLOPE


class PlainModel(nn.Module):
    """Encoder and denoiser, every batch from all rows of both graphs."""

    signal: Tensor
    noise: Tensor
    loss_weight: Tensor
    posterior_x0: Tensor
    posterior_xt: Tensor

    def __init__(self, config: PaperConfig, train: sp.csr_matrix, social: sp.csr_matrix, device: str = "cpu") -> None:
        super().__init__()
        self.config = config
        self.users, self.items = train.shape
        width, inputs = config.width, config.width + config.time_width
        self.user_table = nn.Parameter(nn.init.xavier_uniform_(torch.empty(self.users, width)))
        self.item_table = nn.Parameter(nn.init.xavier_uniform_(torch.empty(self.items, width)))
        self.user_weights = _weights(config.layers, width)
        self.item_weights = _weights(config.layers, width)
        self.social_weights = _weights(config.social_layers, width)
        self.time = nn.Linear(config.time_width, config.time_width)
        self.first = nn.Linear(inputs, width)
        self.second = nn.Linear(width, width)
        schedule = linear_variance(config.steps, config.noise_scale)
        for name in ("signal", "noise", "loss_weight", "posterior_x0", "posterior_xt"):
            self.register_buffer(name, torch.as_tensor(getattr(schedule, name), dtype=torch.float32))
        self.interaction_graph = _coo(symmetric_normalised(bipartite_adjacency(train))).to(device)
        self.social_graph = _coo(symmetric_normalised(social)).to(device)
        self.to(device)

    def interaction(self) -> tuple[Tensor, Tensor]:
        """Return the interaction embeddings of all users (U, D) and items (I, D)."""
        hidden = torch.cat([self.user_table, self.item_table])
        total = hidden
        for w_user, w_item in zip(self.user_weights, self.item_weights, strict=True):
            hidden = torch.cat([hidden[: self.users] @ w_user, hidden[self.users :] @ w_item])
            hidden = nn.functional.leaky_relu(torch.sparse.mm(self.interaction_graph, hidden), SLOPE)
            total = total + nn.functional.normalize(hidden, dim=1)
        return total[: self.users], total[self.users :]

    def social(self) -> Tensor:
        """Return the social embeddings of all users (U, D)."""
        hidden: Tensor = self.user_table
        total = hidden
        for weight in self.social_weights:
            hidden = nn.functional.leaky_relu(torch.sparse.mm(self.social_graph, hidden @ weight), SLOPE)
            total = total + nn.functional.normalize(hidden, dim=1)
        return total

    def denoise(self, x: Tensor, t: Tensor) -> Tensor:
        """Return the predicted x_0 (B, D) of noised rows at steps (B,)."""
        half = self.config.time_width // 2
        frequency = torch.exp(-math.log(10_000.0) * torch.arange(half, device=x.device) / half)
        angle = t[:, None].float() * frequency[None]
        time = self.time(torch.cat([torch.cos(angle), torch.sin(angle)], dim=1))
        unit = nn.functional.dropout(nn.functional.normalize(x, dim=1), self.config.dropout, self.training)
        hidden: Tensor = self.second(torch.tanh(self.first(torch.cat([unit, time], dim=1))))
        return hidden

    def losses(self, users: Tensor, positives: Tensor, negatives: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the ranking, diffusion and norm loss of a batch, with t and noise drawn here."""
        user, item = self.interaction()
        social = self.social()[users]
        t = torch.randint(0, self.config.steps, (len(users),), device=social.device)
        noised = self.signal[t, None] * social + self.noise[t, None] * torch.randn_like(social)
        predicted = self.denoise(noised, t)
        diffusion = (self.loss_weight[t] * ((predicted - social) ** 2).mean(dim=1)).mean()
        user, positive, negative = user[users] + predicted, item[positives], item[negatives]
        difference = (user * positive).sum(dim=1) - (user * negative).sum(dim=1)
        bpr = -nn.functional.logsigmoid(difference).sum() / len(users)
        norms = sum(((rows**2).sum() for rows in (user, positive, negative)), torch.zeros((), device=user.device))
        return bpr, diffusion, self.config.regularisation * norms / len(users)

    @torch.no_grad()
    def embeddings(self) -> tuple[Tensor, Tensor]:
        """Return user (U, D) and item (I, D) embeddings for ranking, after the whole reverse walk."""
        self.eval()
        user, item = self.interaction()
        x = self.social()
        for step in reversed(range(self.config.steps)):
            t = torch.full((self.users,), step, device=x.device)
            x = self.posterior_x0[step] * self.denoise(x, t) + self.posterior_xt[step] * x
        return user + x, item


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
    """A plain model in training; draws come from torch's global generator, which ``seed`` sets."""

    def __init__(
        self, config: PaperConfig, train: sp.csr_matrix, social: sp.csr_matrix, seed: int, device: str = "cpu"
    ) -> None:
        torch.manual_seed(seed)
        self.device = device
        self.model = PlainModel(config, train, social, device)
        denoiser = [*self.model.time.parameters(), *self.model.first.parameters(), *self.model.second.parameters()]
        chosen = {id(parameter) for parameter in denoiser}
        encoder = [parameter for parameter in self.model.parameters() if id(parameter) not in chosen]
        self.optimisers = (
            torch.optim.Adam(encoder, lr=config.learning_rate),
            torch.optim.Adam(denoiser, lr=config.denoiser_learning_rate),
        )
        self.decay = [torch.optim.lr_scheduler.ExponentialLR(o, config.learning_rate_decay) for o in self.optimisers]
        self.rows = Rows(train, seed)
        self.loader = DataLoader(self.rows, config.batch_size, shuffle=True)

    def epoch(self) -> float:
        """Train one epoch and return the mean loss."""
        self.model.train()
        self.rows.draw()
        total = 0.0
        for users, positives, negatives in self.loader:
            batch = users.to(self.device), positives.to(self.device), negatives.to(self.device)
            loss = torch.stack(self.model.losses(*batch)).sum()
            for optimiser in self.optimisers:
                optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            for optimiser in self.optimisers:
                optimiser.step()
            total += loss.item()
        for decay in self.decay:
            decay.step()
        return total / len(self.loader)


def _weights(layers: int, width: int) -> nn.ParameterList:
    return nn.ParameterList([nn.init.xavier_uniform_(torch.empty(width, width)) for _ in range(layers)])


def _coo(matrix: sp.csr_matrix) -> Tensor:
    """Return a torch COO tensor of ``matrix``."""
    coo = matrix.tocoo()
    index = torch.as_tensor(np.stack([coo.row, coo.col]).astype(np.int64))
    return torch.sparse_coo_tensor(index, torch.as_tensor(coo.data), coo.shape, check_invariants=True).coalesce()
