"""SAMN (Chen et al., 2019): friends seen by aspects that a memory finds in each pair, each friend with a share.

Letters: U users, I items, D embedding width, E entries of the social adjacency, C slots of memory.
Of user u and friend f: s = (u / |u|) * (f / |f|), a = softmax over slots of s K, aspect row F = (a M) * f; share =
softmax over u's friends of w . ReLU(F A + b), a tie counting by its weight; user = u + sum of share F, score =
user . item + bias of the item. Further loss = ``PENALTY`` times the squares of A, b and w.
"""

from __future__ import annotations

import sys

import torch
from torch import Tensor, nn
from torch.nn import functional

from recdiff.baselines.neural.layers import linear
from recdiff.baselines.neural.segments import Segments
from recdiff.baselines.pairwise import EPOCHS, WIDTH, Batch, Encoder, Rates, train_pairwise
from recdiff.baselines.task import Task
from recdiff.metrics.ranking import Score

SLOTS = 8
HIDDEN = 16
PENALTY = 6e-5
"""The published 0.03 of half the squares, beside a ranking loss summed over 256 rows."""
BLOCK = 2**17
"""Entries computed at a time where all users are embedded."""


class SAMN(Encoder):
    """The user's own row with the rows of friends, seen by aspects; items with a bias."""

    def __init__(self, task: Task, generator: torch.Generator) -> None:
        super().__init__(task, generator)
        self.friends = Segments.of(task.social, sys.maxsize, generator)
        self.bias = nn.Parameter(torch.zeros(len(self.items)))
        self.keys = nn.Parameter(torch.randn(WIDTH, SLOTS, generator=generator) * WIDTH**-0.5)
        self.memory = nn.Parameter(torch.ones(SLOTS, WIDTH))
        self.hidden = linear(WIDTH, HIDDEN, generator)
        self.share = nn.Parameter(torch.randn(HIDDEN, generator=generator) * HIDDEN**-0.5)

    def embed(self) -> tuple[Tensor, Tensor]:
        parts = [self._users(nodes) for nodes in _by_entries(self.friends.starts)]
        return torch.cat(parts), torch.cat([self.items, self.bias.unsqueeze(1)], dim=1)

    def rows(self, batch: Batch, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        # Each user of the batch once, however many of its items the batch has.
        nodes, place = torch.unique(batch.users, return_inverse=True)
        items = torch.cat([self.items, self.bias.unsqueeze(1)], dim=1)
        return self._users(nodes)[place], items[batch.positives], items[batch.negatives]

    def further_loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """Return ``PENALTY`` times the squares of what weighs friends."""
        parts = (self.hidden.weight, self.hidden.bias, self.share)
        return PENALTY * torch.stack([part.square().sum() for part in parts]).sum()

    def _users(self, nodes: Tensor) -> Tensor:
        """Return the rows of ``nodes`` (B,) with their friends and a last column of ones, (B, D + 1)."""
        lists, _ = self.friends.taken(nodes, torch.full_like(nodes, -1))
        own = self.users[nodes]
        friends = self.users.index_select(0, lists.members)
        pair = functional.normalize(own, dim=1).index_select(0, lists.owners) * functional.normalize(friends, dim=1)
        aspects = (torch.softmax(pair @ self.keys, dim=1) @ self.memory) * friends
        shares, _ = lists.softmax(torch.relu(self.hidden(aspects)) @ self.share)
        rows = own.index_add(0, lists.owners, shares.unsqueeze(1) * aspects)
        return torch.cat([rows, rows.new_ones(len(rows), 1)], dim=1)


def _by_entries(starts: Tensor) -> list[Tensor]:
    """Divide the nodes whose lists begin at ``starts`` (N + 1,) into runs that begin in the same ``BLOCK`` entries."""
    turn = torch.div(starts[:-1], BLOCK, rounding_mode="floor")
    return list(torch.split(torch.arange(len(turn)), torch.unique_consecutive(turn, return_counts=True)[1].tolist()))


def fit_samn(task: Task, regularisation: float, learning_rate: float = 0.01, epochs: int = EPOCHS) -> Score:
    """Score by SAMN."""
    generator = torch.Generator().manual_seed(task.seed)
    encoder = SAMN(task, generator)
    return train_pairwise(task, encoder, Rates(learning_rate, regularisation), generator, epochs)
