"""What the users of a made-up society like: partly their community's topics, partly their own, partly friends'.

Letters: U users, I items, G topics, N interactions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from recdiff.arrays import Int64
from recdiff.sample.society import Urn, ascending, random_neighbour

FROM_COMMUNITY, FROM_SELF = 0.45, 0.8
"""Up to the first number a choice follows the community's topics, up to the second one's own, else none."""
FROM_FRIENDS = 0.2
"""Share of choices copied from a real friend."""
ITEMS_PER_TOPIC = 120
POPULARITY = 0.8
"""Exponent of item popularity by rank within its topic."""


@dataclass(frozen=True)
class Catalogue:
    """Items and their topics.

    Attributes:
        topic: int64 (I,) topic of each item.
        topics: G.
        urn: draws items of a topic by popularity.
    """

    topic: Int64
    topics: int
    urn: Urn


def make_catalogue(items: int, rng: np.random.Generator) -> Catalogue:
    """Make ``items`` items in topics, each topic with a few popular ones."""
    topics = max(2, items // ITEMS_PER_TOPIC)
    topic = rng.permutation(np.arange(items) % topics).astype(np.int64)
    rank = np.empty(items)
    rank[np.argsort(topic, kind="stable")] = np.arange(items) // topics + 1.0
    return Catalogue(topic, topics, Urn.of(topic, 60.0 / rank**POPULARITY, topics))


def choose(
    community: Int64,
    counts: Int64,
    *,
    friends: sp.csr_matrix,
    catalogue: Catalogue,
    number: Int64,
    rng: np.random.Generator,
) -> tuple[Int64, Int64]:
    """Let every user choose items.

    Args:
        community: (U,) community of each user.
        counts: (U,) how many choices each makes.
        friends: CSR (U, U) real edges, whose taste rubs off.
        catalogue: the items.
        number: (U,) the number each user goes by, a permutation.

    Returns:
        Distinct (numbers, items) of the choices, both int64 (N,), ascending.
    """
    users = np.repeat(np.arange(len(community)), counts)
    items = catalogue.urn.draw(_topics(users, community, catalogue.topics, rng), rng)
    first = np.concatenate(([0], np.cumsum(counts)))
    copying = np.flatnonzero(rng.random(len(users)) < FROM_FRIENDS)
    friend = random_neighbour(friends, users[copying], rng)
    copied = first[friend] + (rng.random(len(copying)) * counts[friend]).astype(np.int64)
    liked = items.copy()
    liked[copying] = items[copied]
    key = ascending(number[users] * len(catalogue.topic) + liked)
    return key // len(catalogue.topic), key % len(catalogue.topic)


def activity(users: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return how many choices each user makes: at least 3, about 16 on average, a few hundred at most."""
    return np.clip(np.rint(rng.lognormal(2.5, 0.75, users)), 3, 300).astype(np.int64)


def _topics(users: Int64, community: Int64, topics: int, rng: np.random.Generator) -> Int64:
    """Return the topic (N,) of each choice."""
    shared = rng.integers(0, topics, (int(community.max()) + 1, 2))
    own = rng.integers(0, topics, (len(community), 2))
    one_of_two = rng.integers(0, 2, len(users))
    source = rng.random(len(users))
    anything = rng.integers(0, topics, len(users))
    self_led = np.where(source < FROM_SELF, own[users, one_of_two], anything)
    return np.where(source < FROM_COMMUNITY, shared[community[users], one_of_two], self_led)
