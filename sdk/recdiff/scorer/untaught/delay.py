"""How long the answers of directed edges took: an edge that comes back within days is an answer, one of years later may
be there by itself.

With f(g) how often two edges that answer one another are g apart in time, and c(g) how often other edges of the same
two users are, half of the fakes that have a reverse are taken to have it by chance. Such an edge's log odds of being
fake rise by

    log(1 / 2 + 1 / 2 c(g) / f(g)),

c / f read in parts of equally many pairs and held to rise with g. Where times say nothing, c = f, and nothing is added.

Letters: U users, E edges, A pairs that answer one another, P parts.
"""

from __future__ import annotations

import numpy as np

from recdiff.arrays import Float64, Int64
from recdiff.graph.pairs import pair_keys

BY_CHANCE = 0.5
"""Part of the fakes with a reverse that have it by chance."""
OTHERS = 4
"""Other edges of each user that a pair is held against."""
PARTS, LEAST_PAIRS = 20, 50
"""Parts at most, and pairs that a part holds at least."""


def delays(edges: Int64, num_users: int, times: Float64) -> Float64:
    """Return what the time between each of the directed ``edges`` (E, 2) and its reverse adds to its log odds, (E,).

    It is 0 where there is no reverse, or a time is not known (nan).

    Args:
        times: (E,) when each edge came about.
    """
    found = np.zeros(len(edges))
    keys, back = (pair_keys(each, num_users, directed=True) for each in (edges, edges[:, ::-1]))
    order = np.argsort(keys, kind="stable")
    reverse = order[np.minimum(np.searchsorted(keys[order], back), len(keys) - 1)]
    gap = np.where(keys[reverse] == back, np.abs(times - times[reverse]), np.nan)
    timed = np.flatnonzero(np.isfinite(gap))
    cuts, rise = _rise(gap[timed], _chance_gaps(edges, order, times, np.stack([timed, reverse[timed]], axis=1)))
    found[timed] = np.log(1.0 - BY_CHANCE + BY_CHANCE * rise[np.searchsorted(cuts, gap[timed])])
    return found


def _chance_gaps(edges: Int64, order: Int64, times: Float64, pairs: Int64) -> Float64:
    """Return how far apart other edges of the two users are that send each pair of edges (A, 2).

    Args:
        order: of all edges by their ends.
    """
    sent = np.bincount(edges[:, 0])
    first = np.cumsum(sent) - sent
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    pairs = pairs[(sent[edges[pairs, 0]] > 1).all(axis=1)]
    user = edges[pairs, 0]
    gaps = []
    for turn in range(OTHERS):
        beyond = 1 + (sent[user] - 1) * turn // OTHERS
        other = order[first[user] + (place[pairs] - first[user] + beyond) % sent[user]]
        gaps.append(np.abs(np.diff(times[other], axis=1)[:, 0]))
    several: Float64 = np.concatenate(gaps)
    return np.asarray(several[np.isfinite(several)])


def _rise(gaps: Float64, chance: Float64) -> tuple[Float64, Float64]:
    """Return the longest gap of each part but the last, and c / f of each part, (P,)."""
    parts = min(PARTS, len(gaps) // LEAST_PAIRS)
    if parts < 2 or not len(chance):
        return np.zeros(0), np.ones(1)
    cuts = np.unique(np.quantile(gaps, np.arange(1, parts) / parts))
    held, by_chance = (
        np.bincount(np.searchsorted(cuts, each), minlength=len(cuts) + 1) / len(each) for each in (gaps, chance)
    )
    return cuts, np.maximum.accumulate(by_chance / np.maximum(held, 1.0 / len(gaps)))
