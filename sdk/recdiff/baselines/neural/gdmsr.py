"""GDMSR (Quan et al., 2023): convolution over ties and interactions, ties of low confidence given up as it learns.

Letters: U users, I items, D embedding width, E ties, T entries of the social adjacency; ^ is D^-1/2 A D^-1/2.
User layer = mean of ReLU(^S x_users W + b) and ReLU(^R x_items W' + b'), item layer = ReLU(^R^T x_users W'' + b''),
two layers, embedding = [table; layer 1; layer 2]. Confidence g as in ``confidence``; loss of ties = BCE of g, a tie
against a random user. Every ``ROUND`` epochs c <- (c + g) / 2, and a user with n >= ``FEWEST`` ties left loses the
floor(R floor(log2 n)) of smallest c.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor, nn
from torch.nn import functional

from recdiff.arrays import Float64
from recdiff.baselines.neural.confidence import Confidence
from recdiff.baselines.neural.layers import linear
from recdiff.baselines.neural.segments import within
from recdiff.baselines.pairwise import EPOCHS, WIDTH, Batch, Encoder, Rates, train_pairwise
from recdiff.baselines.task import Task, degrees, inverse, scaled
from recdiff.graph.adjacency import scaled as in_order
from recdiff.graph.sparse import Propagator
from recdiff.metrics.ranking import Score

LAYERS = 2
ROUND = 10
FEWEST = 5
GIVEN_UP = 0.5
"""R: how many ties of a user a round takes, times the log of their number."""
MEMORY = 0.5
"""Share of the confidence of earlier rounds in that of a round."""
TIES = 1024
"""Ties drawn a step at most, each beside a random user; else one for each row of the batch."""
CONFIDENCE_EPOCHS = 100


class Layer(nn.Module):
    """One layer over three relations: who trusts whom, who has which item, which item is whose."""

    def __init__(self, generator: torch.Generator) -> None:
        super().__init__()
        self.trust, self.rate, self.rated = (linear(WIDTH, WIDTH, generator) for _ in range(3))

    def forward(self, graphs: Sequence[Propagator], users: Tensor, items: Tensor) -> tuple[Tensor, Tensor]:
        """Return the next (U, D) and (I, D) rows from the graphs of the three relations and the rows before."""
        trust, rate, rated = graphs
        trusted, liked = torch.relu(self.trust(trust @ users)), torch.relu(self.rate(rate @ items))
        return (trusted + liked) / 2.0, torch.relu(self.rated(rated @ users))


class GDMSR(Encoder):
    """Tables and layers side by side, over the ties that are left."""

    def __init__(self, task: Task, alpha: float, generator: torch.Generator) -> None:
        super().__init__(task, generator)
        self.alpha, self.epoch = alpha, 0
        users, items = (inverse(sums, 0.5) for sums in degrees(task.train))
        rate = scaled(users, task.train, items)
        self.rate, self.rated = Propagator.of(rate), Propagator.of(rate.T.tocsr())
        social = sp.csr_matrix(task.social, copy=True)
        social.eliminate_zeros()
        left, right = (inverse(sums, 0.5).astype(np.float32) for sums in degrees(social))
        self.given = in_order(social, left, right)
        coo = social.tocoo()
        self.ties = torch.as_tensor(np.stack([coo.row, coo.col], axis=1).astype(np.int64))
        self.tie_weight = torch.as_tensor(social.data)
        self.kept = torch.ones(len(self.ties), dtype=torch.bool)
        self.trust = Propagator.of(self.given)
        self.layers = nn.ModuleList(Layer(generator) for _ in range(LAYERS))
        self.confidence = Confidence(task.train, generator)
        self.remembered = torch.zeros(len(self.ties))

    def embed(self) -> tuple[Tensor, Tensor]:
        users, items = self.users, self.items
        blocks = [(users, items)]
        for layer in self.layers:
            users, items = layer((self.trust, self.rate, self.rated), users, items)
            blocks.append((users, items))
        whole = [torch.cat(part, dim=1) for part in zip(*blocks, strict=True)]
        return whole[0], whole[1]

    def begin_epoch(self, generator: torch.Generator) -> None:
        """Every ``ROUND`` epochs take the confidence of all ties, and from the second time on give some up."""
        if self.epoch % ROUND == 0 and len(self.ties):
            found = self.confidence.probabilities(self.items, self.ties)
            self.remembered = MEMORY * self.remembered + (1 - MEMORY) * found if self.epoch else found
            if self.epoch:
                self.kept = kept_ties(self.ties[:, 0], self.remembered, self.kept)
                self.trust = self.trust_left()
        self.epoch += 1

    def trust_left(self) -> Propagator:
        """Return the graph of the ties that are left; the degrees stay those of all ties."""
        left = self.given.copy()
        left.data[~self.kept.numpy()] = 0.0
        left.eliminate_zeros()
        return Propagator.of(left)

    def further_loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """Return alpha / (1 - alpha) times the confidence's loss, mean over kept ties and as many random users.

        With the ranking loss of weight 1, that is the published (1 - alpha) and alpha up to the scale of both.
        """
        places = self.kept.nonzero().squeeze(-1)
        if not len(places):
            return self.users.new_zeros(())
        count = min(TIES, len(batch.users))
        chosen = places[torch.randint(len(places), (count,), generator=generator)]
        true = self.ties[chosen]
        other = torch.randint(len(self.users), (count,), generator=generator)
        pairs = torch.cat([true, torch.stack([true[:, 0], other], dim=1)])
        near, far = self.confidence(self.items, pairs, generator).split(count)
        loss = (self.tie_weight[chosen] * functional.softplus(-near) + functional.softplus(far)).mean() / 2.0
        return self.alpha / (1.0 - self.alpha) * loss


def kept_ties(users: Tensor, confidence: Tensor, kept: Tensor) -> Tensor:
    """Return which ties are left after one round, (T,) bool.

    Args:
        users: (T,) ascending, whose tie each is.
        confidence: (T,) in [0, 1].
        kept: (T,) bool, which ones were left before.
    """
    places = kept.nonzero().squeeze(-1)
    owners, counts = torch.unique_consecutive(users[places], return_inverse=True, return_counts=True)[1:]
    lost = torch.floor(GIVEN_UP * torch.floor(torch.log2(counts.double()))).long()
    lost[counts < FEWEST] = 0
    left = kept.clone()
    left[places[within(owners, counts, confidence[places]) < lost[owners]]] = False
    return left


def fit_gdmsr(
    task: Task, regularisation: float, alpha: float, learning_rate: float = 0.005, epochs: int = EPOCHS
) -> Score:
    """Score by GDMSR; ``alpha`` in [0, 1) is the share of the confidence's loss."""
    generator = torch.Generator().manual_seed(task.seed)
    encoder = GDMSR(task, alpha, generator)
    return train_pairwise(task, encoder, Rates(learning_rate, regularisation), generator, epochs)


def tie_confidence(
    task: Task,
    regularisation: float = 0.01,
    alpha: float = 0.1,
    learning_rate: float = 0.005,
    epochs: int = CONFIDENCE_EPOCHS,
) -> Float64:
    """Return GDMSR's confidence in each edge of ``task.graph`` after ``epochs`` epochs, (E,), larger is rather real.

    It comes from the users' items alone, but learned with these very edges as positives: it is not out of fold. An
    edge without direction has the mean of both directions.
    """
    generator = torch.Generator().manual_seed(task.seed)
    encoder = GDMSR(task, alpha, generator)
    # No epoch is chosen: each is better than those before, so that training neither stops nor goes back.
    count = itertools.count()
    lasting = replace(task, judge=lambda score: float(next(count)))
    train_pairwise(lasting, encoder, Rates(learning_rate, regularisation), generator, epochs)
    edges = torch.as_tensor(task.graph.edges)
    ways = [edges] if task.graph.directed else [edges, edges.flip(1)]
    found = torch.stack([encoder.confidence.probabilities(encoder.items, each) for each in ways]).double().mean(dim=0)
    return np.asarray(found.numpy(), np.float64)
