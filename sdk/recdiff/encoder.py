"""RecDiff's light graph encoder over interactions and over social edges.

Letters: U users, I items, A items with a training interaction, D embedding width, L layers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor, nn

from recdiff.graph import Propagator, bipartite_adjacency, symmetric_normalised

SLOPE = 0.5


@dataclass(frozen=True)
class Graphs:
    """The normalised graphs an encoder walks on, moved to one device.

    Attributes:
        to_users: (U, A) propagates items to users; ``to_items`` (A, U) is its transpose.
        social: (U, U) normalised social adjacency.
        active: (A,) positions of items with a training interaction. The others have an empty row and
            column, so propagation never changes them and they are left out of it.
        row_of_item: (I,) row in ``active``; items left out point behind the last row.
    """

    to_users: Propagator
    to_items: Propagator
    social: Propagator
    active: Tensor
    row_of_item: Tensor

    @classmethod
    def of(cls, train: sp.csr_matrix, social: sp.csr_matrix, device: torch.device | str = "cpu") -> Graphs:
        """Build from training interactions (U, I) and a social adjacency (U, U)."""
        users, items = train.shape
        active = np.flatnonzero(np.bincount(train.indices, minlength=items))
        block = symmetric_normalised(bipartite_adjacency(train))[:users, users:][:, active]
        rows = np.full(items, len(active))
        rows[active] = np.arange(len(active))
        to_users = Propagator.of(block, device)
        return cls(
            to_users,
            Propagator(to_users.backward, to_users.forward),
            Propagator.of(symmetric_normalised(social), device),
            torch.as_tensor(active, device=device),
            torch.as_tensor(rows, device=device),
        )


class GraphEncoder(nn.Module):
    """Tables and per-layer weights; interaction and social graph share the user table (paper, eq. 3 to 6).

    A layer is H' = LeakyReLU(Â H W); the output is the table plus the sum of row-normalised H'.
    As Â (H W) = (Â H) W, every product with W is done on the side with users, the fewer rows by far.
    """

    def __init__(self, num_users: int, num_items: int, width: int, layers: int, social_layers: int) -> None:
        super().__init__()
        self.users = nn.Parameter(torch.empty(num_users, width))
        self.items = nn.Parameter(torch.empty(num_items, width))
        self.user_weights = _weights(layers, width)
        self.item_weights = _weights(layers, width)
        self.social_weights = _weights(social_layers, width)

    @torch.no_grad()
    def reset(self, generator: torch.Generator) -> GraphEncoder:
        """Draw every parameter Xavier uniform from ``generator`` (on the CPU) and return self."""
        for parameter in self.parameters():
            bound = (6.0 / sum(parameter.shape)) ** 0.5
            parameter.copy_((torch.rand(parameter.shape, generator=generator) * 2 - 1) * bound)
        return self

    def interaction(self, graphs: Graphs, users: Tensor, items: Tensor) -> tuple[Tensor, Tensor]:
        """Return interaction embeddings of the user and item positions asked for, (Bu, D) and (Bi, D).

        The last layer's activation and normalisation are done for the rows asked for only.
        """
        rows = graphs.row_of_item[items]
        user_sum, item_sum = self.users[users], self.items[items]
        hidden_users, hidden_items = self.users, self.items[graphs.active]
        last = len(self.user_weights) - 1
        for layer, (w_user, w_item) in enumerate(zip(self.user_weights, self.item_weights, strict=True)):
            next_users = (graphs.to_users @ hidden_items) @ w_item
            next_items = graphs.to_items @ (hidden_users @ w_user)
            if layer == last:
                return user_sum + _unit(_act(next_users[users])), item_sum + _unit(_act(_padded(next_items, rows)))
            hidden_users, hidden_items = _act(next_users), _act(next_items)
            user_sum = user_sum + _unit(hidden_users[users])
            item_sum = item_sum + _unit(_padded(hidden_items, rows))
        return user_sum, item_sum

    def social(self, graphs: Graphs, users: Tensor) -> Tensor:
        """Return social embeddings of the user positions asked for, (B, D)."""
        total, hidden = self.users[users], self.users
        for weight in self.social_weights:
            hidden = _act(graphs.social @ (hidden @ weight))
            total = total + _unit(hidden[users])
        return total


def _weights(layers: int, width: int) -> nn.ParameterList:
    return nn.ParameterList([nn.Parameter(torch.empty(width, width)) for _ in range(layers)])


def _act(x: Tensor) -> Tensor:
    return nn.functional.leaky_relu(x, SLOPE)


def _unit(x: Tensor) -> Tensor:
    return nn.functional.normalize(x, dim=-1)


def _padded(active_rows: Tensor, rows: Tensor) -> Tensor:
    """Gather ``rows`` with a zero row behind the last for items that no user interacted with."""
    return nn.functional.pad(active_rows, (0, 0, 0, 1))[rows]
