"""The control that knows nobody's friends: a random graph with the same degrees. Letters: N nodes, E edges."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from recdiff.arrays import Int64
from recdiff.graph.adjacency import social_adjacency
from recdiff.graph.keys import keys_of


def rewired(adjacency: sp.csr_matrix, generator: np.random.Generator, rounds: int = 20) -> sp.csr_matrix:
    """Return a random simple graph with the degrees of ``adjacency`` (N, N): the control that knows nobody's friends.

    Pairs of edges (a, b), (c, d) drawn at random become (a, d), (c, b), unless that makes a self-loop or an edge
    that is there already. A symmetric matrix stays symmetric; in a directed one out- and in-degrees stay.

    Args:
        adjacency: entries are taken as 1; the diagonal is left out.
        rounds: times each edge is offered an exchange.
    """
    nodes = adjacency.shape[0]
    pattern = sp.csr_matrix(adjacency != 0)
    symmetric = (pattern != pattern.T).nnz == 0
    edges = sp.triu(pattern, 1).tocoo() if symmetric else pattern.tocoo()
    src, dst = edges.row.astype(np.int64), edges.col.astype(np.int64)
    src, dst = src[src != dst], dst[src != dst]
    for _ in range(rounds):
        if symmetric:
            turned = generator.random(len(src)) < 0.5
            src, dst = np.where(turned, dst, src), np.where(turned, src, dst)
        order = generator.permutation(len(src))
        dst = _exchanged(
            src,
            dst,
            first=order[: len(src) // 2],
            second=order[len(src) // 2 : len(src) // 2 * 2],
            nodes=nodes,
            symmetric=symmetric,
        )
    return social_adjacency(np.stack([src, dst], axis=1), nodes, directed=not symmetric)


def _exchanged(src: Int64, dst: Int64, *, first: Int64, second: Int64, nodes: int, symmetric: bool) -> Int64:
    """Return ``dst`` (E,), exchanged between ``first`` and ``second`` where the graph stays simple."""

    def key(a: Int64, b: Int64) -> Int64:
        return keys_of(a, b, nodes, directed=not symmetric)

    new = np.concatenate([key(src[first], dst[second]), key(src[second], dst[first])])
    _, place, count = np.unique(new, return_inverse=True, return_counts=True)
    free = (count[place] == 1) & ~np.isin(new, key(src, dst))
    free &= np.concatenate([src[first] != dst[second], src[second] != dst[first]])
    taken = free[: len(first)] & free[len(first) :]
    out = dst.copy()
    out[first[taken]], out[second[taken]] = dst[second[taken]], dst[first[taken]]
    return out
