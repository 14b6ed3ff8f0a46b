"""DGRec (Song et al., 2019): a recurrent network reads a session, attention asks friends at each of its places.

Letters: U users, I items, D embedding width, S sessions, T places of a session, B batch, h LSTM state; [a; b] is a
beside b. Friend: f = [ReLU(W_l p + b_l); ReLU(W_s h_last + b_s)] with the table row p and the state h_last after the
friend's last session. Layer: out = act((sum over neighbours and itself of softmax(q . k) k) W), q the own vector, act
ReLU and then none. Where a session stands at h: q = h, its friends' vectors are layers over their friends, and the
embedding is W_o [h; out] + b_o, which scores the next item by the dot product with the items' table.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from recdiff.baselines.neural.layers import dropped, linear
from recdiff.baselines.neural.segments import Segments, within
from recdiff.baselines.pairwise import EPOCHS, WIDTH, Batch, Encoder, Rates, train_pairwise
from recdiff.baselines.task import Task
from recdiff.metrics.ranking import Score

LONGEST = 20
# Friends asked, and friends of each that these ask: so many drawn every epoch, more when scores are made.
FRIENDS, FURTHER = 10, 5
FRIENDS_SCORED, FURTHER_SCORED = 50, 10
DROPOUT = 0.2


@dataclass(frozen=True, eq=False)
class Sessions:
    """Each user's items in a random order, cut from the end into sessions of ``LONGEST``; the first may be shorter.

    Attributes:
        items: (S, T) int64, 0 past the end.
        lengths: (S,) int64; 0 for the one session of a user without items.
        last: (U,) each user's last session.
        keys: (R,) user * I + item of each interaction, ascending.
        session: (R,) the session of each.
        place: (R,) where in it.
    """

    items: Tensor
    lengths: Tensor
    last: Tensor
    keys: Tensor
    session: Tensor
    place: Tensor

    @classmethod
    def of(cls, train: sp.csr_matrix, generator: torch.Generator) -> Sessions:
        """Draw the order of the interactions ``train`` (U, I)."""
        train = train.sorted_indices()
        counts = torch.as_tensor(np.diff(train.indptr).astype(np.int64))
        items = torch.as_tensor(train.indices.astype(np.int64))
        users = torch.repeat_interleave(torch.arange(len(counts)), counts)
        from_end = within(users, counts, torch.rand(len(users), generator=generator))
        many = torch.clamp(-(-counts // LONGEST), min=1)
        last = torch.cumsum(many, 0) - 1
        session = last[users] - from_end // LONGEST
        lengths = torch.bincount(session, minlength=int(many.sum()))
        place = lengths[session] - 1 - from_end % LONGEST
        table = items.new_zeros(len(lengths), LONGEST)
        table[session, place] = items
        keys = users * train.shape[1] + items
        return cls(items=table, lengths=lengths, last=last, keys=keys, session=session, place=place)


class DGRec(Encoder):
    """Users by the state after their last session and by their friends; items as they are.

    In training a positive is predicted from what stands before it in its session.
    """

    def __init__(self, task: Task, generator: torch.Generator) -> None:
        super().__init__(task, generator)
        self.train_matrix, self.social = task.train, task.social
        self.lstm = _lstm(generator)
        self.long, self.short = (linear(WIDTH, WIDTH // 2, generator) for _ in range(2))
        self.first, self.second = (linear(WIDTH, WIDTH, generator, bias=False) for _ in range(2))
        self.out = linear(2 * WIDTH, WIDTH, generator)
        self.kept_sessions = self.sessions = Sessions.of(task.train, generator)
        self.kept_friends = self._draw(FRIENDS_SCORED, FURTHER_SCORED, generator)
        self.friends = self.kept_friends
        self.latest = torch.zeros(len(self.users), WIDTH)

    def begin_epoch(self, generator: torch.Generator) -> None:
        """Draw sessions and friends, and read every user's last session for the friends: without gradient."""
        self.sessions = Sessions.of(self.train_matrix, generator)
        self.friends = self._draw(FRIENDS, FURTHER, generator)
        with torch.no_grad():
            self.latest = self._last_states(self.sessions)

    def embed(self) -> tuple[Tensor, Tensor]:
        latest = self._last_states(self.kept_sessions)
        everyone = torch.arange(len(self.users))
        return self._ask(latest, everyone, self._as_friend(latest), self.kept_friends), self.items

    def rows(self, batch: Batch, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        found = torch.searchsorted(self.sessions.keys, batch.users * len(self.items) + batch.positives)
        chosen, inside = torch.unique(self.sessions.session[found], return_inverse=True)
        states = self._read(self.sessions, chosen, generator)[inside, self.sessions.place[found]]
        states = dropped(states, DROPOUT, generator)
        user = self._ask(states, batch.users, self._as_friend(self.latest), self.friends)
        return user, self.items[batch.positives], self.items[batch.negatives]

    def _draw(self, friends: int, further: int, generator: torch.Generator) -> tuple[Segments, Segments]:
        """Return each user's friends, and those that a user asks when it is asked."""
        return Segments.of(self.social, friends, generator), Segments.of(self.social, further, generator)

    def _read(self, sessions: Sessions, chosen: Tensor, generator: torch.Generator | None) -> Tensor:
        """Return the states before each place of the ``chosen`` sessions and after the last, (B, T + 1, D)."""
        rows = dropped(functional.embedding(sessions.items[chosen], self.items), DROPOUT, generator)
        lengths = sessions.lengths[chosen].clamp(min=1)
        packed = pack_padded_sequence(rows, lengths, batch_first=True, enforce_sorted=False)
        states, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True, total_length=LONGEST)
        return functional.pad(states, (0, 0, 1, 0))

    def _last_states(self, sessions: Sessions) -> Tensor:
        """Return the state after each user's last session, (U, D); 0 without items."""
        return self._read(sessions, sessions.last, None)[torch.arange(len(self.users)), sessions.lengths[sessions.last]]

    def _as_friend(self, latest: Tensor) -> Tensor:
        """Return what users are to their friends, (U, D), from their ``latest`` states (U, D)."""
        return torch.cat([torch.relu(self.long(self.users)), torch.relu(self.short(latest))], dim=1)

    def _ask(self, states: Tensor, users: Tensor, known: Tensor, drawn: tuple[Segments, Segments]) -> Tensor:
        """Return the embeddings (B, D) of ``users`` (B,) at ``states`` (B, D), with friends' vectors ``known`` (U, D).

        A friend who asks friends leaves out the one it is asked by, whose last session holds the positive.
        """
        friends, _ = drawn[0].taken(users, users)
        asked, entries = drawn[1].taken(friends.members, users[friends.owners])
        likeness = (known.index_select(0, drawn[1].owners) * known.index_select(0, drawn[1].members)).sum(dim=-1)
        vectors = known.index_select(0, friends.members)
        deeper = torch.relu(self.first(_attend(vectors, asked, likeness[entries], known)))
        near = torch.relu(self.first(_attend(states, friends, _dots(states, friends, known), known)))
        by_entry = replace(friends, members=torch.arange(len(friends.members)))
        social = self.second(_attend(near, by_entry, _dots(near, by_entry, deeper), deeper))
        embedded: Tensor = self.out(torch.cat([states, social], dim=1))
        return embedded


def _dots(queries: Tensor, lists: Segments, keys: Tensor) -> Tensor:
    """Return query . key of each entry of ``lists``, (E,), from queries (N, D) and keys (M, D)."""
    return (queries.index_select(0, lists.owners) * keys.index_select(0, lists.members)).sum(dim=-1)


def _attend(queries: Tensor, lists: Segments, scores: Tensor, keys: Tensor) -> Tensor:
    """Return the sum of softmax(score) key over each list and the query itself, (N, D)."""
    shares, own = lists.softmax(scores, queries.square().sum(dim=-1))
    return lists.weighted(shares, keys) + own.unsqueeze(-1) * queries


def _lstm(generator: torch.Generator) -> nn.LSTM:
    lstm = nn.LSTM(WIDTH, WIDTH, batch_first=True)
    with torch.no_grad():
        for parameter in lstm.parameters():
            parameter.copy_((2.0 * torch.rand(parameter.shape, generator=generator) - 1.0) * WIDTH**-0.5)
    return lstm


def fit_dgrec(task: Task, regularisation: float, learning_rate: float = 0.005, epochs: int = EPOCHS) -> Score:
    """Score by DGRec, with a session for every twenty items of a user, in random order."""
    generator = torch.Generator().manual_seed(task.seed)
    encoder = DGRec(task, generator)
    return train_pairwise(task, encoder, Rates(learning_rate, regularisation), generator, epochs)
