"""SMIN (Long et al., 2021): convolution over meta-paths of users and of items, mixed by attention, with informax.

Letters: U users, I items, N = U + I, D embedding width, K paths, L layers, H width of the attention; ^ is
D^-1/2 (A + I) D^-1/2.
Of path k: x' = PReLU(^A_k x W), z_k = [x; x' / |x'|; ...]; share w = softmax over k of the mean over nodes of
q . tanh(V z_k + b), embedding = sum of w_k z_k. Users and items meet in the loss alone. Further loss = ``informax``
near + ``OWN`` (own + edges), see ``local_informax``, over the graph of interactions, ties and item relations.
Items are related to their nearest by cosine.
"""

from __future__ import annotations

from collections.abc import Sequence

import scipy.sparse as sp
import torch
from torch import Tensor, nn
from torch.nn import functional

from recdiff.baselines.neural.kcgn import related_items
from recdiff.baselines.neural.layers import linear
from recdiff.baselines.neural.local_informax import LocalInformax
from recdiff.baselines.neural.metapaths import item_graphs, tied, user_graphs
from recdiff.baselines.pairwise import EPOCHS, WIDTH, Batch, Encoder, Rates, train_pairwise
from recdiff.baselines.task import Task
from recdiff.graph.adjacency import symmetric_normalised
from recdiff.graph.sparse import Propagator
from recdiff.metrics.ranking import Score

HIDDEN = 128
SLOPE = 0.25
OWN = 0.002


class Paths(nn.Module):
    """One convolution a path, and one share a path for all nodes."""

    def __init__(self, graphs: Sequence[sp.csr_matrix], layers: int, generator: torch.Generator) -> None:
        super().__init__()
        looped = [sp.csr_matrix(graph + sp.eye_array(graph.shape[0], format="csr")) for graph in graphs]
        self.graphs = [Propagator.of(symmetric_normalised(graph)) for graph in looped]
        shape = (len(graphs), layers, WIDTH, WIDTH)
        self.maps = nn.Parameter(torch.randn(shape, generator=generator) * WIDTH**-0.5)
        self.slopes = nn.Parameter(torch.full(shape[:2], SLOPE))
        self.hidden = linear((layers + 1) * WIDTH, HIDDEN, generator)
        self.query = nn.Parameter(torch.randn(HIDDEN, generator=generator) * HIDDEN**-0.5)

    def forward(self, table: Tensor) -> Tensor:
        """Return the (N, (L + 1) D) rows of ``table`` (N, D)."""
        views = torch.stack([self._view(path, table) for path in range(len(self.graphs))])
        asked = (torch.tanh(self.hidden(views)) @ self.query).mean(dim=1)
        return (torch.softmax(asked, dim=0)[:, None, None] * views).sum(dim=0)

    def _view(self, path: int, table: Tensor) -> Tensor:
        rows, parts = table, [table]
        for slope, weight in zip(self.slopes[path], self.maps[path], strict=True):
            rows = functional.prelu(self.graphs[path] @ (rows @ weight), slope)
            parts.append(functional.normalize(rows, dim=-1))
        return torch.cat(parts, dim=1)


class SMIN(Encoder):
    """Users from their paths, items from theirs."""

    def __init__(self, task: Task, layers: int, informax: float, generator: torch.Generator) -> None:
        super().__init__(task, generator)
        self.informax = informax
        related = related_items(task.train)
        self.user_paths = Paths(user_graphs(task.train, task.social, related), layers, generator)
        self.item_paths = Paths(item_graphs(task.train, related), layers, generator)
        joint = sp.bmat([[tied(task.social), task.train], [task.train.T, related]], format="csr", dtype="float32")
        self.local = LocalInformax(joint)

    def embed(self) -> tuple[Tensor, Tensor]:
        return self.user_paths(self.users), self.item_paths(self.items)

    def rows(self, batch: Batch, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        # Kept for the further loss of the same step, which would walk all paths again.
        users, items = self.walked = self.embed()
        return users[batch.users], items[batch.positives], items[batch.negatives]

    def further_loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """Return the informax of the batch's nodes, of the embeddings that ``rows`` made last."""
        users, items = self.walked
        nodes = torch.cat([batch.users, len(users) + batch.positives, len(users) + batch.negatives])
        near, own = self.local(torch.cat([users, items]), nodes, generator)
        loss: Tensor = self.informax * near + OWN * own
        return loss


def fit_smin(
    task: Task,
    regularisation: float,
    informax: float,
    *,
    layers: int = 1,
    learning_rate: float = 0.01,
    epochs: int = EPOCHS,
) -> Score:
    """Score by SMIN; ``informax`` weighs the mutual information with what is near."""
    generator = torch.Generator().manual_seed(task.seed)
    encoder = SMIN(task, layers, informax, generator)
    return train_pairwise(task, encoder, Rates(learning_rate, regularisation), generator, epochs)
