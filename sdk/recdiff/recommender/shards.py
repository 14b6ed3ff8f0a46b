"""Training the default recommender on several machines: each holds its share of the nodes.

Letters: U users, A items with a training interaction, N = U + A nodes, W workers, B nodes of one worker (padded),
D width, L layers, R training interactions.

Node n of U (and of A) belongs to worker n mod W. A worker keeps the rows of the graph and of the interactions, the
table and Adam's moments of its own nodes only; before each product it gathers the rows of the others, so that a pass
moves (2 L + 1) N D numbers over the network and everything else is divided by W. The sums are those of one process in
another order: results differ from recommender's by rounding.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp
import torch
import torch.distributed as dist
from torch import Tensor

from recdiff.arrays import Int64
from recdiff.config.recommender import RecommenderConfig
from recdiff.graph.adjacency import bipartite_adjacency
from recdiff.graph.sparse import csr_tensor, walk
from recdiff.recommender.loss import own_gradient, squares
from recdiff.recommender.training import RowJudge, Trial, descend

# Torch 2.13 calls it by another name and warns of this one.
_all_gather = getattr(dist, "all_gather_single", None) or dist.all_gather_into_tensor


@dataclass(frozen=True)
class NodeLayout:
    """Which worker holds which node, and where its row stands among the gathered ones."""

    users: int
    items: int
    workers: int

    @property
    def block_users(self) -> int:
        """Rows of users in a worker's block, the first ones."""
        return -(-self.users // self.workers)

    @property
    def block(self) -> int:
        """B, rows of a worker's block."""
        return self.block_users + -(-self.items // self.workers)

    @cached_property
    def places(self) -> Int64:
        """The gathered row of each node, (N,)."""
        users, items = np.arange(self.users), np.arange(self.items)
        of_users = (users % self.workers) * self.block + users // self.workers
        of_items = (items % self.workers) * self.block + self.block_users + items // self.workers
        return np.concatenate([of_users, of_items])


@dataclass(frozen=True, eq=False)
class Shard:
    """One worker's share.

    Attributes:
        layout: the same for all. rank: whose it is, 0 .. W - 1.
        pairs: (B, W B) interactions of the own users and items, 1 each.
        social: (B, W B) edges of the own users, a directed one as half an edge each way.
        interactions: R, of all workers.
    """

    layout: NodeLayout
    rank: int
    pairs: sp.csr_matrix
    social: sp.csr_matrix
    interactions: int


def shards(train: sp.csr_matrix, social: sp.csr_matrix, workers: int) -> list[Shard]:
    """Divide interactions (U, A) and edges (U, U) among ``workers``."""
    users, items = train.shape
    layout = NodeLayout(users, items, workers)
    size = layout.block * workers

    def placed(matrix: sp.csr_matrix) -> sp.csr_matrix:
        entries = matrix.tocoo()
        where = (layout.places[entries.row], layout.places[entries.col])
        return sp.csr_matrix((entries.data, where), shape=(size, size), dtype=np.float32)

    pairs, friends = placed(bipartite_adjacency(train)), placed((social + social.T) / 2)
    rows = [slice(rank * layout.block, (rank + 1) * layout.block) for rank in range(workers)]
    return [Shard(layout, rank, pairs[own], friends[own], train.nnz) for rank, own in enumerate(rows)]


@torch.no_grad()
def train_shard(
    config: RecommenderConfig,
    shard: Shard,
    judge: RowJudge | None,
    seed: int,
    *,
    judged: bool,
    device: torch.device | str = "cpu",
) -> Trial:
    """Train together with the other workers of the default process group; each returns the whole table (N, D).

    Args:
        judge: what chooses the pass, on the worker of rank 0; others pass None.
        judged: whether there is a judge on rank 0; the same for all.
    """
    layout = shard.layout
    part = _Part.of(config, shard, device)
    generator = torch.Generator().manual_seed(seed)
    # Every worker draws the whole table, so that each node starts as it does in one process.
    drawn = torch.randn(layout.users + layout.items, config.width, generator=generator) * 0.1
    everyone = torch.zeros(layout.block * layout.workers, config.width)
    everyone[torch.from_numpy(layout.places)] = drawn
    first = everyone[shard.rank * layout.block : (shard.rank + 1) * layout.block].to(device, copy=True)
    places = torch.as_tensor(layout.places, device=device)

    def agreed(block: Tensor) -> float:
        rows = _gathered(part.walk(block))[places]
        value = torch.tensor([judge(rows.cpu().numpy()) if judge else 0.0], dtype=torch.float64, device=device)
        dist.broadcast(value, 0)
        return float(value)

    trial = descend(config, first, part.gradient, agreed if judged else None)
    return Trial(_gathered(trial.table)[places], trial.value, trial.history)


@dataclass(frozen=True, eq=False)
class _Part:
    """A shard on its device, at fixed settings.

    Attributes:
        graph: (B, W B) own rows of the normalised joint graph.
        pairs: (B, W B) own interactions.
    """

    config: RecommenderConfig
    shard: Shard
    graph: Tensor
    pairs: Tensor

    @classmethod
    def of(cls, config: RecommenderConfig, shard: Shard, device: torch.device | str) -> _Part:
        graph = csr_tensor(_normalised_rows(config.tie_weight, shard, device), device)
        return cls(config, shard, graph, csr_tensor(shard.pairs, device))

    def walk(self, block: Tensor) -> Tensor:
        """Return own rows (B, D) of the mean over l = 0 .. L of G^l X; ``block`` are own rows of X."""
        return walk(self.graph, block, self.config.layers, everyone=_gathered)

    def gradient(self, block: Tensor) -> Tensor:
        """Return own rows (B, D) of the derivative by X of (all-pairs loss + regularisation |X|^2) / R."""
        users = self.shard.layout.block_users
        own = self.walk(block)
        everywhere = squares(own, users)
        dist.all_reduce(everywhere)
        by_row = own_gradient(
            self.pairs, own, everyone=_gathered(own), users=users, squares=everywhere, background=self.config.background
        )
        regularisation = 2 * self.config.regularisation
        return self.walk(by_row).add_(block, alpha=regularisation).div_(self.shard.interactions)


def _normalised_rows(tie_weight: float, shard: Shard, device: torch.device | str) -> sp.csr_matrix:
    """Return own rows (B, W B) of D^-1/2 A D^-1/2, A the joint adjacency of interactions and weighted edges."""
    joint = sp.csr_matrix(shard.pairs + np.float32(tie_weight) * shard.social) if tie_weight else shard.pairs
    degree = np.asarray(joint.sum(axis=1), np.float64).ravel()
    scale = np.divide(1.0, np.sqrt(degree), where=degree > 0, out=np.zeros_like(degree))
    others = _gathered(torch.as_tensor(scale, device=device)[:, None])[:, 0].cpu().numpy()
    return sp.csr_matrix(sp.diags_array(scale) @ joint @ sp.diags_array(others), dtype=np.float32)


def _gathered(block: Tensor) -> Tensor:
    """Return the rows (W B, D) of all workers, by rank."""
    everyone = block.new_empty((dist.get_world_size() * block.shape[0], block.shape[1]))
    _all_gather(everyone, block.contiguous())
    return everyone
