"""Rings planted into a follow graph: accounts that follow each other, and some real users; and one large farm.

Letters: U users, R rings, A planted accounts, P planted edges.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recdiff.arrays import Int64

SIZES = (10, 100)
"""Of a ring, drawn on a logarithmic scale."""
DENSITY = (0.3, 1.0)
"""Share of a ring's pairs that are edges."""
MOST_CAMOUFLAGE = 0.5
"""Of a ring's edges, those that go to real users; half of these go to users by degree, half to any."""
TARGETS = (2, 12)
"""Users whom a ring follows together, where it does."""
FOLLOWED = (0.3, 0.9)
"""Share of a ring's members that follow each of them."""
FARM_POPULAR = 0.7
"""Share of a farm's outward edges that go to users by degree; the others go to any."""
MUTUAL = 0.5
"""Share of a ring's inner edges that go both ways where edges have a direction."""


@dataclass(frozen=True, eq=False)
class Planted:
    """A graph with rings in it.

    Attributes:
        edges: (E + P, 2), in random order.
        ring: (U + A,) number of each account's ring, -1 for real users. Accounts are dealt random positions.
        place: (U + A,) the position of each of the users, then of the planted accounts.
    """

    edges: Int64
    ring: Int64
    place: Int64


def plant_rings(
    edges: Int64,
    num_users: int,
    rings: int,
    directed: bool,
    rng: np.random.Generator,
    *,
    with_targets: bool = False,
    least_density: float = DENSITY[0],
    most_camouflage: float = MOST_CAMOUFLAGE,
) -> Planted:
    """Plant ``rings`` rings into the graph of ``edges`` (E, 2): sizes, density and camouflage differ.

    Args:
        with_targets: each ring follows a few real users together, beside its camouflage.
    """
    ends = edges.ravel()
    parts, member = [edges], [np.full(num_users, -1)]
    first = num_users
    for ring in range(rings):
        size = int(np.exp(rng.uniform(*np.log(SIZES))))
        inner = _inner(size, rng.uniform(least_density, DENSITY[1]), rng) + first
        camouflaged = rng.uniform(0, most_camouflage)
        outward = round(len(inner) * camouflaged / (1 - camouflaged))
        popular = rng.random(outward) < 0.5
        target = np.where(popular, rng.choice(ends, outward), rng.integers(0, num_users, outward))
        camouflage = np.stack([first + rng.integers(0, size, outward), target], axis=1)
        if directed:
            turned = rng.random(len(inner)) < 0.5
            inner = np.where(turned[:, None], inner[:, ::-1], inner)
            inner = np.concatenate([inner, inner[rng.random(len(inner)) < MUTUAL, ::-1]])
        if with_targets:
            target = rng.choice(num_users, int(rng.integers(*TARGETS)), replace=False)
            member_of, at = np.nonzero(rng.random((size, len(target))) < rng.uniform(*FOLLOWED))
            camouflage = np.concatenate([camouflage, np.stack([first + member_of, target[at]], axis=1)])
        parts += [inner, np.unique(camouflage, axis=0)]
        member.append(np.full(size, ring))
        first += size
    return _dealt(np.concatenate(parts), np.concatenate(member), rng)


def plant_farm(edges: Int64, num_users: int, share: float, rng: np.random.Generator) -> Planted:
    """Put one farm in the place of a ``share`` of the undirected edges (E, 2): half its edges inside, half to users."""
    count = round(share * len(edges))
    size = max(20, round(np.sqrt(count)))
    inner = _inner(size, count / 2 / (size * (size - 1) / 2), rng) + num_users
    outward = count - len(inner)
    popular = rng.random(outward) < FARM_POPULAR
    target = np.where(popular, rng.choice(edges.ravel(), outward), rng.integers(0, num_users, outward))
    follows = np.unique(np.stack([num_users + rng.integers(0, size, outward), target], axis=1), axis=0)
    kept = edges[rng.permutation(len(edges))[count:]]
    member = np.concatenate([np.full(num_users, -1), np.zeros(size, np.int64)])
    return _dealt(np.concatenate([kept, inner, follows]), member, rng)


def _dealt(edges: Int64, member: Int64, rng: np.random.Generator) -> Planted:
    """Return the graph with its accounts at random positions: nothing about an account shows in its number."""
    place = rng.permutation(len(member))
    ring = np.empty(len(member), np.int64)
    ring[place] = member
    return Planted(rng.permutation(place[edges], axis=0), ring, place)


def _inner(size: int, density: float, rng: np.random.Generator) -> Int64:
    """Return the inner edges of a ring; every account has at least one."""
    pairs = np.stack(np.triu_indices(size, 1), axis=1)
    chosen = rng.random(len(pairs)) < density
    circle = np.sort(np.stack([np.arange(size), (np.arange(size) + 1) % size], axis=1), axis=1)
    return np.unique(np.concatenate([pairs[chosen], circle]), axis=0)
