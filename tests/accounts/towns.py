"""Made-up towns with rings and fleets in them, and how well what is found fits what was planted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recdiff.arrays import Int64
from recdiff.sample.society import make_society
from tests.benchmarks.rings import Planted, plant_rings


def town(users: int = 2000, rings: int = 5, seed: int = 0) -> Planted:
    """Return friends in communities with closed triangles, and ``rings`` rings among them."""
    rng = np.random.default_rng(seed)
    society = make_society(users, rng)
    return plant_rings(society.edges, society.size, rings, directed=False, rng=rng)


def fleet(members: int, targets: int, users: int, rng: np.random.Generator) -> Int64:
    """Return the edges (P, 2) of accounts from ``users`` on that each follow most of the same targets."""
    chosen = rng.choice(users, targets, replace=False)
    who, what = np.nonzero(rng.random((members, targets)) < 0.7)
    return np.stack([who + users, chosen[what]], axis=1)


def overlap(found: NDArray[np.bool_], planted: NDArray[np.bool_]) -> float:
    """Return the share that two sets of accounts have in common."""
    return float((found & planted).sum() / (found | planted).sum())


def best_overlap(member: Int64, planted: NDArray[np.bool_]) -> float:
    """Return the overlap of the group that fits ``planted`` (U,) best."""
    inside = member[planted]
    return max((overlap(member == group, planted) for group in np.unique(inside[inside >= 0])), default=0.0)
