"""How likely a tie is by what its two users like: the relation confidence of GDMSR (Quan et al., 2023).

Letters: U users, I items, D embedding width, F feed-forward width, P pairs; [a; b] is a beside b.
Tokens of a pair (a, b): a's items + s_1, a separator, b's items + s_2, a stop token z; no positions. One Transformer
layer with one head, h = Norm(z + attention(z)), h' = Norm(h + W_2 ReLU(W_1 h)), g = sigmoid(w . ReLU(W_3 h')).
Only the stop token is read, so only its query is asked, which is the same for all pairs: the softmax over a user's
items is taken once for all pairs of that user, and the result for a pair is exact.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor, nn

from recdiff.baselines.neural.layers import dropped, linear
from recdiff.baselines.neural.segments import Segments
from recdiff.baselines.pairwise import WIDTH
from recdiff.baselines.task import degrees, scaled, strongest

# Items of a user, the most popular ones.
MOST = 30
FEED_FORWARD = 4 * WIDTH
DROPOUT = 0.1
SIDES = 2
BLOCK = 2**15
"""Pairs scored at a time."""


class Confidence(nn.Module):
    """The logit of g of pairs of users, from the table of items."""

    def __init__(self, train: sp.csr_matrix, generator: torch.Generator) -> None:
        super().__init__()
        self.histories = Segments.of(most_popular(train), MOST, generator)
        self.sides = _drawn(SIDES, generator)
        self.separator, self.stop = (_drawn(1, generator) for _ in range(2))
        self.query = linear(WIDTH, WIDTH, generator)
        # No bias: a softmax is blind to what a bias of the keys adds.
        self.key = linear(WIDTH, WIDTH, generator, bias=False)
        self.value, self.out = (linear(WIDTH, WIDTH, generator) for _ in range(2))
        self.wide, self.narrow = linear(WIDTH, FEED_FORWARD, generator), linear(FEED_FORWARD, WIDTH, generator)
        self.norms = nn.ModuleList(nn.LayerNorm(WIDTH) for _ in range(2))
        self.hidden, self.last = linear(WIDTH, WIDTH, generator), linear(WIDTH, 1, generator)

    def forward(self, items: Tensor, pairs: Tensor, generator: torch.Generator | None) -> Tensor:
        """Return the logits of ``pairs`` (P, 2), (P,), from the table ``items`` (I, D); no generator: no dropout."""
        query = self.query(self.stop)[0] / WIDTH**0.5
        shares, values = self._pooled(items, query)
        sides, special = self.key(self.sides) @ query, torch.cat([self.separator, self.stop])
        logits = torch.cat([shares[pairs] + sides, (self.key(special) @ query).expand(len(pairs), -1)], dim=1)
        weights = torch.softmax(logits, dim=1)
        # The bias of the values comes once, as weights sum to 1.
        listed = ((values[pairs] + self.sides @ self.value.weight.T) * weights[:, :SIDES, None]).sum(dim=1)
        mixed = listed + weights[:, SIDES:] @ (special @ self.value.weight.T) + self.value.bias
        first, second = self.norms
        hidden = first(self.stop + dropped(self.out(mixed), DROPOUT, generator))
        fed = self.narrow(dropped(torch.relu(self.wide(hidden)), DROPOUT, generator))
        hidden = second(hidden + dropped(fed, DROPOUT, generator))
        found: Tensor = self.last(torch.relu(self.hidden(hidden))).squeeze(-1)
        return found

    @torch.no_grad()
    def probabilities(self, items: Tensor, pairs: Tensor) -> Tensor:
        """Return g of ``pairs`` (P, 2) without dropout, (P,)."""
        parts = [torch.sigmoid(self(items, part, None)) for part in torch.split(pairs, BLOCK)]
        return torch.cat(parts)

    def _pooled(self, items: Tensor, query: Tensor) -> tuple[Tensor, Tensor]:
        """Return of each user's items the log of the sum of exp(key . query), (U,), and the mean value, (U, D)."""
        scores = (self.key(items) @ query).index_select(0, self.histories.members)
        sums = self.histories.log_sums(scores)
        shares = torch.exp(scores - sums.index_select(0, self.histories.owners))
        return sums, self.histories.weighted(shares, items @ self.value.weight.T)


def most_popular(train: sp.csr_matrix) -> sp.csr_matrix:
    """Return ``train`` (U, I) with the ``MOST`` items of each row that most users have, entries 1."""
    users, popularity = degrees(train)
    kept = strongest(scaled(np.ones_like(users), train, popularity), MOST)
    kept.data[:] = 1.0
    return kept


def _drawn(count: int, generator: torch.Generator) -> nn.Parameter:
    return nn.Parameter(torch.randn(count, WIDTH, generator=generator) * 0.1)
