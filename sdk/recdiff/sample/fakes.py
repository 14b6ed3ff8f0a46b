"""Plant fake edges of several kinds in a made-up society, by the protocols of ``corrupt``.

The accounts are counted before the society is made, so that the whole has the number of users asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recdiff.arrays import Int64
from recdiff.fakes import kinds
from recdiff.fakes.drawing import Graph
from recdiff.fakes.injection import EDGES_PER_ACCOUNT, FARM_TARGETS, FARM_WITHIN, distinct_cells
from recdiff.graph.pairs import pair_keys
from recdiff.graph.social_graph import SocialGraph
from recdiff.sample.society import Society, random_neighbour, two_hops


@dataclass(frozen=True)
class Accounts:
    """Fake accounts, numbered after the real users: first the farms', then the camouflaged.

    Attributes:
        farm: how many belong to follower farms.
        camouflage: how many imitate the friend of a real user.
        imitated: int64 (camouflage,) the user each of them imitates.
    """

    farm: int
    camouflage: int
    imitated: Int64


def count_accounts(users: int, fake_share: float, edges_per_user: int) -> tuple[int, int]:
    """Return how many of ``users`` are farm and camouflage accounts."""
    planted = fake_share * users * edges_per_user
    of_kind = (planted * kinds.kind(name).in_sample for name in ("farm", "camouflage"))
    farm, camouflage = (max(1, round(count / EDGES_PER_ACCOUNT)) for count in of_kind)
    return farm, camouflage


def plant(society: Society, accounts: Accounts, count: int, rng: np.random.Generator) -> tuple[Int64, NDArray[np.int8]]:
    """Return about ``count`` fake edges (F, 2), none of them real or repeated, and the index in `in_sample` of each."""
    total = society.size + accounts.farm + accounts.camouflage
    drawn = [_drawn(each, society, accounts, round(count * each.in_sample), rng) for each in kinds.in_sample()]
    pairs = np.concatenate(drawn)
    number = np.repeat(np.arange(len(drawn), dtype=np.int8), [len(part) for part in drawn])
    _, first = np.unique(pair_keys(pairs, total, directed=False), return_index=True)
    first.sort()
    return pairs[first], number[first]


def imitated(society: Society, count: int, rng: np.random.Generator) -> Int64:
    """Choose ``count`` users worth imitating: those met through friends, who have several."""
    return random_neighbour(society.neighbours, rng.integers(0, society.size, count), rng)


def _drawn(kind: kinds.Kind, society: Society, accounts: Accounts, count: int, rng: np.random.Generator) -> Int64:
    """Return at most ``count`` fakes of ``kind``: as this module makes them, or else as the kind itself says."""
    own = _MADE.get(kind.name)
    if own is not None:
        return own(society, accounts, count, rng)
    return Graph.of(SocialGraph(society.edges, society.size, directed=False)).draw_at_most(kind.name, count, rng)


def _uniform(society: Society, accounts: Accounts, count: int, rng: np.random.Generator) -> Int64:
    return _unknown(rng.integers(0, society.size, (2 * count, 2)), society)[:count]


def _degree(society: Society, accounts: Accounts, count: int, rng: np.random.Generator) -> Int64:
    return _unknown(_by_degree(society, 2 * count, rng), society)[:count]


def _two_hop(society: Society, accounts: Accounts, count: int, rng: np.random.Generator) -> Int64:
    return _unknown(two_hops(society.neighbours, 3 * count, rng), society)[:count]


def _unknown(pairs: Int64, society: Society) -> Int64:
    """Drop pairs that are real edges or one user twice."""
    key = pair_keys(pairs, society.size, directed=False)
    real = pair_keys(society.edges, society.size, directed=False)
    at = np.minimum(np.searchsorted(real, key), len(real) - 1)
    new: Int64 = pairs[(pairs[:, 0] != pairs[:, 1]) & (real[at] != key)]
    return new


def _by_degree(society: Society, count: int, rng: np.random.Generator) -> Int64:
    ends: Int64 = society.neighbours.indices[rng.integers(0, society.neighbours.nnz, (count, 2))].astype(np.int64)
    return ends


def _farm(society: Society, accounts: Accounts, count: int, rng: np.random.Generator) -> Int64:
    """Join accounts of the farm, and accounts to a few popular targets."""
    farm = accounts.farm
    within = distinct_cells(farm, farm, min(round(count * FARM_WITHIN), farm * (farm - 1) // 2), rng)
    targets = np.unique(_by_degree(society, FARM_TARGETS, rng)[:, 0])
    outward = distinct_cells(farm, len(targets), count - len(within), rng, square=False)
    followed = np.column_stack((outward[:, 0] + society.size, targets[outward[:, 1]]))
    return np.concatenate([within + society.size, followed])


def _camouflage(society: Society, accounts: Accounts, count: int, rng: np.random.Generator) -> Int64:
    """Tie each account to the user it imitates, and then to random friends of that user."""
    which = np.arange(count) % accounts.camouflage
    target = accounts.imitated[which]
    near = random_neighbour(society.neighbours, target, rng)
    first = np.arange(count) < accounts.camouflage
    return np.column_stack((society.size + accounts.farm + which, np.where(first, target, near)))


_MADE: dict[str, Callable[[Society, Accounts, int, np.random.Generator], Int64]] = {
    "uniform": _uniform,
    "degree": _degree,
    "two-hop": _two_hop,
    "farm": _farm,
    "camouflage": _camouflage,
}
