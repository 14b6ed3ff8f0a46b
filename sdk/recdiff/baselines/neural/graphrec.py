"""GraphRec (Fan et al., 2019): attention over a user's items, over friends, and over an item's users.

Letters: U users, I items, D embedding width, N owners of lists, M listed nodes, E entries, B batch; [a; b] is a
beside b, p and q are the tables of users and items, e is the vector of the one opinion of data without ratings.
h_u = ReLU(W [p_u; sum over u's items of a f([q_i; e])]), user = g(ReLU(W' [h_u; sum over u's friends of a h_o])),
item = g'(ReLU(W'' [q_i; sum over i's users of a f'([p_u; e])])); f, f', g, g' have two layers, and the shares a are
the softmax over the list of a three-layer network of [what is listed; the owner's table row].
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from recdiff.baselines.neural.layers import dropped, linear
from recdiff.baselines.neural.segments import Segments
from recdiff.baselines.pairwise import EPOCHS, WIDTH, Batch, Encoder, Rates, train_pairwise
from recdiff.baselines.task import Task
from recdiff.metrics.ranking import Score

# Items of a user, friends of a user and users of an item at most, drawn once by the seed.
MOST = 50
DROPOUT = 0.5


class Attention(nn.Module):
    """What an owner makes of its list: a score of each entry, and the owner's row with the weighted list."""

    def __init__(self, generator: torch.Generator) -> None:
        super().__init__()
        self.listed = linear(WIDTH, WIDTH, generator, bias=False)
        self.owner = linear(WIDTH, WIDTH, generator)
        self.middle = linear(WIDTH, WIDTH, generator)
        # No bias: a softmax is blind to it.
        self.last = linear(WIDTH, 1, generator, bias=False)
        self.joined = linear(2 * WIDTH, WIDTH, generator)

    def scores(self, lists: Segments, listed: Tensor, owners: Tensor, generator: torch.Generator | None) -> Tensor:
        """Return the score of each entry, (E,), from ``listed`` (M, D) and ``owners`` (N, D)."""
        # A layer on two rows side by side is the sum of a layer on each, and there are fewer rows than entries.
        left = self.listed(listed).index_select(0, lists.members)
        hidden = torch.relu(left + self.owner(owners).index_select(0, lists.owners))
        hidden = torch.relu(self.middle(dropped(hidden, DROPOUT, generator)))
        scores: Tensor = self.last(dropped(hidden, DROPOUT, generator)).squeeze(-1)
        return scores

    def pooled(self, lists: Segments, scores: Tensor, listed: Tensor, rows: Tensor) -> Tensor:
        """Return ReLU(W [row; sum of softmax(score) listed]), (N, D), of ``rows`` (N, D) and their ``lists``."""
        shares, _ = lists.softmax(scores)
        return torch.relu(self.joined(torch.cat([rows, lists.weighted(shares, listed)], dim=1)))


class GraphRec(Encoder):
    """Users from items and friends, items from users; in training neither's history holds the positive pair."""

    def __init__(self, task: Task, generator: torch.Generator) -> None:
        super().__init__(task, generator)
        self.bought = Segments.of(task.train, MOST, generator)
        self.buyers = Segments.of(task.train.T.tocsr(), MOST, generator)
        self.friends = Segments.of(task.social, MOST, generator)
        self.opinion = nn.Parameter(torch.randn(WIDTH, generator=generator) * 0.1)
        self.item_opinion, self.user_opinion = _two_layers(2 * WIDTH, generator), _two_layers(2 * WIDTH, generator)
        self.of_items, self.of_users, self.of_friends = (Attention(generator) for _ in range(3))
        # No last bias of items: it adds the same to all scores of a user.
        self.user_head, self.item_head = _two_layers(WIDTH, generator), _two_layers(WIDTH, generator, last_bias=False)

    def embed(self) -> tuple[Tensor, Tensor]:
        bought, scores = self._bought(None)
        taste = self.of_items.pooled(self.bought, scores, bought, self.users)
        scores = self.of_friends.scores(self.friends, taste, self.users, None)
        users = self.user_head(self.of_friends.pooled(self.friends, scores, taste, taste))
        buyers, scores = self._buyers(None)
        return users, self.item_head(self.of_users.pooled(self.buyers, scores, buyers, self.items))

    def rows(self, batch: Batch, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        # A negative goes without a buyer too, or items that lost their only one would tell the positives.
        without = (batch.users, self.buyers.drawn(batch.negatives, generator))
        bought, scores = self._bought(generator)
        taste = self.of_items.pooled(self.bought, scores, bought, self.users)
        lists, entries = self.bought.taken(batch.users, batch.positives)
        own = self.of_items.pooled(lists, scores[entries], bought, self.users[batch.users])
        scores = self.of_friends.scores(self.friends, taste, self.users, generator)
        lists, entries = self.friends.taken(batch.users, batch.users)
        user = self.user_head(self.of_friends.pooled(lists, scores[entries], taste, own))
        buyers, scores = self._buyers(generator)
        items = []
        for nodes, left_out in zip((batch.positives, batch.negatives), without, strict=True):
            lists, entries = self.buyers.taken(nodes, left_out)
            items.append(self.item_head(self.of_users.pooled(lists, scores[entries], buyers, self.items[nodes])))
        return user, items[0], items[1]

    def _bought(self, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
        """Return what is thought of each item, (I, D), and the scores of all entries of users' histories."""
        rows = self.item_opinion(self._with_opinion(self.items))
        return rows, self.of_items.scores(self.bought, rows, self.users, generator)

    def _buyers(self, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
        """Return what each user thinks, (U, D), and the scores of all entries of items' histories."""
        rows = self.user_opinion(self._with_opinion(self.users))
        return rows, self.of_users.scores(self.buyers, rows, self.items, generator)

    def _with_opinion(self, table: Tensor) -> Tensor:
        return torch.cat([table, self.opinion.expand(len(table), -1)], dim=1)


def _two_layers(inputs: int, generator: torch.Generator, last_bias: bool = True) -> nn.Sequential:
    last = linear(WIDTH, WIDTH, generator, last_bias)
    return nn.Sequential(linear(inputs, WIDTH, generator), nn.ReLU(), last)


def fit_graphrec(task: Task, regularisation: float, learning_rate: float = 0.003, epochs: int = EPOCHS) -> Score:
    """Score by GraphRec."""
    generator = torch.Generator().manual_seed(task.seed)
    encoder = GraphRec(task, generator)
    return train_pairwise(task, encoder, Rates(learning_rate, regularisation), generator, epochs)
