"""RecDiff's light graph encoder over interactions and over social edges.

Letters: U users, I items, B rows asked for, D embedding width, L layers.
"""

from __future__ import annotations

from dataclasses import dataclass

import scipy.sparse as sp
import torch
from torch import Tensor, nn

from recdiff.graph.adjacency import bipartite_adjacency, symmetric_normalised
from recdiff.graph.sparse import Propagator
from recdiff.graph.unit_rows import add_unit

SLOPE = 0.5


@dataclass(frozen=True)
class Graphs:
    """The normalised graphs an encoder walks on, moved to one device.

    Attributes:
        to_users: (U, I) propagates items to users; ``to_items`` (I, U) is its transpose.
        social: (U, U) normalised social adjacency.
    """

    to_users: Propagator
    to_items: Propagator
    social: Propagator

    @classmethod
    def of(cls, train: sp.csr_matrix, social: sp.csr_matrix, device: torch.device | str = "cpu") -> Graphs:
        """Build from training interactions (U, I) and a social adjacency (U, U)."""
        users = train.shape[0]
        to_users = Propagator.of(symmetric_normalised(bipartite_adjacency(train))[:users, users:], device)
        to_items = Propagator(to_users.backward, to_users.forward)
        return cls(to_users, to_items, Propagator.of(symmetric_normalised(social), device))


class GraphEncoder(nn.Module):
    """Tables and per-layer weights; interaction and social graph share the user table (paper, eq. 3 to 6).

    A layer is H' = LeakyReLU(Â H W); the output is the table plus the sum of row-normalised H'.
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
        """Return interaction embeddings of the user and item positions asked for, (Bu, D) and (Bi, D)."""
        hidden_users: Tensor = self.users
        hidden_items: Tensor = self.items
        user_rows, item_rows = [], []
        last = len(self.user_weights) - 1
        for layer, (w_user, w_item) in enumerate(zip(self.user_weights, self.item_weights, strict=True)):
            wanted_users, wanted_items = (users, items) if layer == last else (None, None)
            next_users, rows = _layer(graphs.to_users, hidden_items, w_item, items, wanted_users)
            item_rows.append(rows)
            next_items, rows = _layer(graphs.to_items, hidden_users, w_user, users, wanted_items)
            user_rows.append(rows)
            hidden_users, hidden_items = next_users, next_items
        return _summed([*user_rows, hidden_users]), _summed([*item_rows, hidden_items])

    def social(self, graphs: Graphs, users: Tensor) -> Tensor:
        """Return social embeddings of the user positions asked for, (B, D)."""
        hidden: Tensor = self.users
        all_rows = []
        last = len(self.social_weights) - 1
        for layer, weight in enumerate(self.social_weights):
            hidden, rows = _layer(graphs.social, hidden, weight, users, users if layer == last else None)
            all_rows.append(rows)
        return _summed([*all_rows, hidden])


def _layer(
    graph: Propagator, hidden: Tensor, weight: Tensor, own: Tensor, wanted: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Return LeakyReLU(Â H W) for the rows ``wanted`` (None: for all), and H[own].

    As Â (H W) = (Â H) W, the product with W is done on the side with fewer rows; the last layer transforms and
    activates only the rows that are asked for.
    """
    rows_out = graph.forward.shape[0] if wanted is None else len(wanted)
    if len(hidden) < rows_out:
        rows = hidden.index_select(0, own)
        return _act(_taken(graph @ (hidden @ weight), wanted)), rows
    product, rows = graph.with_rows(hidden, own)
    return _act(_taken(product, wanted) @ weight), rows


def _taken(x: Tensor, rows: Tensor | None) -> Tensor:
    return x if rows is None else x.index_select(0, rows)


def _act(x: Tensor) -> Tensor:
    """Activate in place: ``x`` is always a product that nothing else holds."""
    return nn.functional.leaky_relu_(x, SLOPE)


def _summed(rows: list[Tensor]) -> Tensor:
    """Return the table's rows plus the normalised rows of each layer, (B, D)."""
    total = rows[0]
    for layer in rows[1:]:
        total = add_unit(total, layer)
    return total


def _weights(layers: int, width: int) -> nn.ParameterList:
    return nn.ParameterList([nn.Parameter(torch.empty(width, width)) for _ in range(layers)])
