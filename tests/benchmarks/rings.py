"""Rings planted into a follow graph: accounts that follow each other, some of them real users too.

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
MUTUAL = 0.5
"""Share of a ring's inner edges that go both ways where edges have a direction."""


@dataclass(frozen=True, eq=False)
class Planted:
    """A graph with rings in it.

    Attributes:
        edges: (E + P, 2), in random order.
        ring: (U + A,) number of each account's ring, -1 for real users. Accounts are dealt random positions.
    """

    edges: Int64
    ring: Int64


def plant_rings(edges: Int64, num_users: int, rings: int, directed: bool, rng: np.random.Generator) -> Planted:
    """Plant ``rings`` rings into the graph of ``edges`` (E, 2): sizes, density and camouflage differ."""
    ends = edges.ravel()
    parts, member = [edges], [np.full(num_users, -1)]
    first = num_users
    for ring in range(rings):
        size = int(np.exp(rng.uniform(*np.log(SIZES))))
        inner = _inner(size, rng.uniform(*DENSITY), rng) + first
        outward = round(len(inner) * (share := rng.uniform(0, MOST_CAMOUFLAGE)) / (1 - share))
        popular = rng.random(outward) < 0.5
        target = np.where(popular, rng.choice(ends, outward), rng.integers(0, num_users, outward))
        camouflage = np.stack([first + rng.integers(0, size, outward), target], axis=1)
        if directed:
            turned = rng.random(len(inner)) < 0.5
            inner = np.where(turned[:, None], inner[:, ::-1], inner)
            inner = np.concatenate([inner, inner[rng.random(len(inner)) < MUTUAL, ::-1]])
        parts += [inner, np.unique(camouflage, axis=0)]
        member.append(np.full(size, ring))
        first += size
    ring_of = np.concatenate(member)
    place = rng.permutation(first)
    dealt = np.empty(first, np.int64)
    dealt[place] = ring_of
    return Planted(rng.permutation(place[np.concatenate(parts)], axis=0), dealt)


def _inner(size: int, density: float, rng: np.random.Generator) -> Int64:
    """Return the inner edges of a ring; every account has at least one."""
    pairs = np.stack(np.triu_indices(size, 1), axis=1)
    chosen = rng.random(len(pairs)) < density
    circle = np.sort(np.stack([np.arange(size), (np.arange(size) + 1) % size], axis=1), axis=1)
    return np.unique(np.concatenate([pairs[chosen], circle]), axis=0)
