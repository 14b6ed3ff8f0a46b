"""MHCN (Yu et al., 2021): hypergraph convolution over motif channels with a self-supervised loss.

Letters: U users, I items, D embedding width, L layers, C = 3 channels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from recdiff.baselines.motifs import motif_channels
from recdiff.baselines.pairwise import EPOCHS, WIDTH, Batch, Encoder, Rates, train_pairwise
from recdiff.baselines.task import Task, degrees, inverse, scaled
from recdiff.graph.sparse import Propagator
from recdiff.metrics.ranking import Score


class MHCN(Encoder):
    """Users from gated copies of one table, spread per channel and mixed by attention, and from their items.

    Each layer spreads users within their channel and between users and items; every layer's L2-normalised result is
    summed. The self-supervised loss asks that a user's row agrees with its own neighbourhood's more than with a
    shuffled one's, and that with the whole channel's.
    """

    def __init__(self, task: Task, layers: int, self_supervision: float, generator: torch.Generator) -> None:
        super().__init__(task, generator)
        self.layers, self.self_supervision = layers, self_supervision
        self.channels = [Propagator.of(channel) for channel in motif_channels(task.train, task.social)]
        users, items = degrees(task.train)
        to_users = Propagator.of(scaled(inverse(users, 0.5), task.train, inverse(items, 0.5)))
        self.to_users, self.to_items = to_users, Propagator(to_users.backward, to_users.forward)
        self.gates = nn.ModuleList(_gate(generator) for _ in range(4))
        self.views = nn.ModuleList(_gate(generator) for _ in range(3))
        self.attention = nn.Parameter(torch.randn(WIDTH, WIDTH, generator=generator) * WIDTH**-0.5)
        self.context = nn.Parameter(torch.randn(WIDTH, generator=generator) * WIDTH**-0.5)

    def embed(self) -> tuple[Tensor, Tensor]:
        *channels, simple = (_gated(self.users, gate) for gate in self.gates)
        items: Tensor = self.items
        user_sums, item_sum, simple_sum = list(channels), items, simple
        for _ in range(self.layers):
            mixed = self._mix(channels) + simple / 2
            channels = [graph @ rows for graph, rows in zip(self.channels, channels, strict=True)]
            items, simple = self.to_items @ mixed, self.to_users @ items
            pairs = zip(user_sums, channels, strict=True)
            user_sums = [total + functional.normalize(rows, dim=-1) for total, rows in pairs]
            item_sum = item_sum + functional.normalize(items, dim=-1)
            simple_sum = simple_sum + functional.normalize(simple, dim=-1)
        return self._mix(user_sums) + simple_sum / 2, item_sum

    def further_loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """Return ``self_supervision`` times the hierarchical loss of the three channels, per user."""
        users, _ = self.embed()
        views = zip(self.channels, self.views, strict=True)
        losses = [_agreement(_gated(users, gate), graph, generator) for graph, gate in views]
        return self.self_supervision * torch.stack(losses).sum()

    def _mix(self, channels: list[Tensor]) -> Tensor:
        """Return the (U, D) mean of the channels, weighted by softmax of context . (attention row)."""
        stacked = torch.stack(channels)
        share = torch.softmax((stacked @ self.attention) @ self.context, dim=0)
        return (share.unsqueeze(-1) * stacked).sum(dim=0)


def _gate(generator: torch.Generator) -> nn.Linear:
    gate = nn.Linear(WIDTH, WIDTH)
    with torch.no_grad():
        gate.weight.copy_(torch.randn(WIDTH, WIDTH, generator=generator) * WIDTH**-0.5)
        gate.bias.zero_()
    return gate


def _gated(rows: Tensor, gate: nn.Module) -> Tensor:
    opening: Tensor = torch.sigmoid(gate(rows))
    return rows * opening


def _agreement(users: Tensor, graph: Propagator, generator: torch.Generator) -> Tensor:
    """Return the mean of -log sigmoid(true - shuffled) of user with neighbourhood and neighbourhood with channel."""
    around = graph @ users
    order = torch.randperm(len(users), generator=generator)
    columns = torch.randperm(users.shape[1], generator=generator)
    true, near, far = (
        (users * around).sum(-1),
        (around[order] * users).sum(-1),
        (around[order][:, columns] * users).sum(-1),
    )
    local = functional.softplus(near - true) + functional.softplus(far - near)
    whole = around.mean(dim=0)
    wide = functional.softplus((around[order][:, columns] * whole).sum(-1) - (around * whole).sum(-1))
    return (local + wide).mean()


def fit_mhcn(
    task: Task,
    regularisation: float,
    self_supervision: float,
    *,
    layers: int = 2,
    learning_rate: float = 0.01,
    epochs: int = EPOCHS,
) -> Score:
    """Score by MHCN."""
    generator = torch.Generator().manual_seed(task.seed)
    encoder = MHCN(task, layers, self_supervision, generator)
    return train_pairwise(task, encoder, Rates(learning_rate, regularisation), generator, epochs)
