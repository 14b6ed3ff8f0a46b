"""The loop that trains every embedding baseline by Bayesian personalised ranking (Rendle et al., 2009).

Letters: U users, I items, R training interactions, B batch, D embedding width.
Propagation over the whole graph costs as much as hundreds of thousands of pairs, so batches are large.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from recdiff.baselines.task import Task
from recdiff.errors import UsageError
from recdiff.graph.negatives import NegativeSampler
from recdiff.metrics.ranking import Score, by_tables
from recdiff.metrics.selection import Best

WIDTH = 64
EPOCHS = 200
JUDGE_EVERY = 5
# Judgements that may pass without gain.
PATIENCE = 5
SMALLEST_BATCH = 4096
STEPS_PER_EPOCH = 6


class Batch(NamedTuple):
    """Positions of users, their positive and their negative items, each (B,)."""

    users: Tensor
    positives: Tensor
    negatives: Tensor


class Encoder(nn.Module):
    """Embeddings of all users and items; subclasses say how they come from the tables.

    Attributes:
        users: (U, D) parameter.
        items: (I, D) parameter.
    """

    def __init__(self, task: Task, generator: torch.Generator, deviation: float = 0.1) -> None:
        super().__init__()
        shape = task.train.shape
        self.users = nn.Parameter(torch.randn(shape[0], WIDTH, generator=generator) * deviation)
        self.items = nn.Parameter(torch.randn(shape[1], WIDTH, generator=generator) * deviation)

    def embed(self) -> tuple[Tensor, Tensor]:
        """Return the (U, D) and (I, D) embeddings whose dot products are the scores."""
        raise NotImplementedError

    def rows(self, batch: Batch, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Return the embeddings of the batch's users, positives and negatives as training sees them, (B, D) each.

        Those of ``embed`` unless a subclass drops something in training.
        """
        users, items = self.embed()
        return users[batch.users], items[batch.positives], items[batch.negatives]

    def begin_epoch(self, generator: torch.Generator) -> None:
        """Prepare what stays the same for an epoch; nothing unless a subclass has such."""

    def further_loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """Return a loss beside the ranking loss; none unless a subclass has one."""
        return self.users.new_zeros(())


@dataclass(frozen=True)
class Rates:
    """How fast and how freely to learn: Adam's learning rate and the weight of the batch rows' squared norms."""

    learning_rate: float
    regularisation: float


def train_pairwise(task: Task, encoder: Encoder, rates: Rates, generator: torch.Generator, epochs: int) -> Score:
    """Train and return the scores of the epoch that ``task.judge`` likes best.

    Raises:
        UsageError: ``epochs`` is below 1.
    """
    if epochs < 1:
        raise UsageError(f"epochs = {epochs}: at least 1 is needed")
    optimiser = torch.optim.Adam(encoder.parameters(), lr=rates.learning_rate, fused=True)
    coo = task.train.tocoo()
    users, items = (torch.as_tensor(part.astype(np.int64)) for part in (coo.row, coo.col))
    sampler = NegativeSampler(task.train)
    best = Best(_scores(encoder))
    for epoch in range(1, epochs + 1):
        _train_epoch(
            encoder,
            optimiser,
            regularisation=rates.regularisation,
            pairs=(users, items),
            sampler=sampler,
            generator=generator,
        )
        if epoch % JUDGE_EVERY and epoch < epochs:
            continue
        score = _scores(encoder)
        if best.offer(task.judge(score)):
            best.kept = score
        if best.waited >= PATIENCE:
            break
    return best.kept


def _train_epoch(
    encoder: Encoder,
    optimiser: torch.optim.Optimizer,
    *,
    regularisation: float,
    pairs: tuple[Tensor, Tensor],
    sampler: NegativeSampler,
    generator: torch.Generator,
) -> None:
    """Visit every training interaction once, in random order, with one negative each."""
    users, items = pairs
    encoder.begin_epoch(generator)
    negatives = sampler.draw(users, generator)
    size = max(SMALLEST_BATCH, -(-len(users) // STEPS_PER_EPOCH))
    for chosen in torch.split(torch.randperm(len(users), generator=generator), size):
        batch = Batch(users[chosen], items[chosen], negatives[chosen])
        optimiser.zero_grad(set_to_none=True)
        user, positive, negative = encoder.rows(batch, generator)
        gap = (user * (positive - negative)).sum(dim=-1)
        rows = (encoder.users[batch.users], encoder.items[batch.positives], encoder.items[batch.negatives])
        norms = torch.stack([part.square().sum() for part in rows]).sum() / len(chosen)
        loss = nn.functional.softplus(-gap).mean() + regularisation * norms
        loss = loss + encoder.further_loss(batch, generator)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()


@torch.no_grad()
def _scores(encoder: Encoder) -> Score:
    users, items = encoder.embed()
    return by_tables(users.numpy().copy(), items.numpy().copy())
