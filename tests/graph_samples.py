"""Small social graphs whose structure is known: communities, their interactions, and fakes put in on purpose."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

GROUPS = 8


def community_edges(users: int = 320, ties: int = 4000, inside: float = 0.97, seed: int = 0) -> np.ndarray:
    """Distinct undirected edges (E, 2), most of them within one of ``GROUPS`` communities, degrees uneven."""
    rng = np.random.default_rng(seed)
    group = np.arange(users) % GROUPS
    weight = rng.pareto(3.0, users) + 0.5
    src = rng.choice(users, 6 * ties, p=weight / weight.sum())
    dst = rng.choice(users, 6 * ties, p=weight / weight.sum())
    near = group[src] == group[dst]
    kept = (src != dst) & (near | (rng.random(6 * ties) < (1 - inside) / inside / (GROUPS - 1)))
    pairs = np.sort(np.stack([src[kept], dst[kept]], axis=1), axis=1)
    pairs = pairs[np.sort(np.unique(pairs, axis=0, return_index=True)[1])]
    return pairs[:ties].astype(np.int64)


def community_items(users: int = 320, items: int = 160, each: int = 12, seed: int = 1) -> sp.csr_matrix:
    """Interactions (U, I): most items a user touches belong to the user's community."""
    rng = np.random.default_rng(seed)
    per = items // GROUPS
    rows = np.repeat(np.arange(users), each)
    own = (rows % GROUPS) * per + rng.integers(0, per, len(rows))
    columns = np.where(rng.random(len(rows)) < 0.8, own, rng.integers(0, items, len(rows)))
    matrix = sp.csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape=(users, items))
    matrix.data[:] = 1.0
    return matrix
