"""Pairs of users: one number for each, and the neighbours that two have in common.

Letters: U users, M pairs. No users-by-users matrix is dense.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from recdiff.arrays import Float64, Int64, Mask
from recdiff.graph.keys import among, distinct, keys_of, rising
from recdiff.machine.threads import side_by_side

BLOCK_ENTRIES = 1 << 21
"""Neighbour entries that a block of pairs may gather at once: what is gathered stays in the cache."""


def pair_keys(pairs: Int64, num_users: int, directed: bool) -> Int64:
    """Return one number per pair, (M,); undirected pairs get the same number in both orientations."""
    return keys_of(pairs[:, 0], pairs[:, 1], num_users, directed)


def answered(edges: Int64, num_users: int) -> Mask:
    """Return which of the directed ``edges`` (E, 2) have a reverse among them, (E,)."""
    keys, back = (pair_keys(each, num_users, directed=True) for each in (edges, edges[:, ::-1]))
    return among(back, distinct(keys))


def undirected(edges: Int64, num_users: int) -> Int64:
    """Return the distinct pairs of two users among ``edges`` (E, 2), the smaller number first, in order (M, 2).

    Edges that are such pairs are returned themselves.
    """
    if np.all(edges[:, 0] < edges[:, 1]) and rising(pair_keys(edges, num_users, directed=True)):
        return edges
    keys = distinct(pair_keys(edges[edges[:, 0] != edges[:, 1]], num_users, directed=False))
    return np.stack([keys // num_users, keys % num_users], axis=1)


def ends_of(edges: Int64, num_users: int) -> Int64:
    """Return how many of the ``edges`` (E, 2) each user is an end of, (U,); counted in blocks, which bounds memory."""
    ends, total = edges.reshape(-1), np.zeros(num_users, np.int64)
    for start in range(0, len(ends), BLOCK_ENTRIES):
        total += np.bincount(ends[start : start + BLOCK_ENTRIES], minlength=num_users)
    return total


def common_neighbours(out: sp.csr_matrix, into: sp.csr_matrix, pairs: Int64, weight: Float64 | None = None) -> Float64:
    """Return the sum over m of out[src, m] * weight[m] * into[dst, m], (M,).

    ``into`` is ``out`` itself for undirected graphs and its transpose for directed ones, so that paths
    src -> m -> dst are counted. Pairs are taken in blocks, so memory stays bounded.
    """
    first = out if weight is None else sp.csr_matrix(out @ sp.diags_array(weight))
    work = np.cumsum(np.diff(out.indptr)[pairs[:, 0]] + np.diff(into.indptr)[pairs[:, 1]])
    cuts = np.searchsorted(work, np.arange(BLOCK_ENTRIES, work[-1] if len(work) else 0, BLOCK_ENTRIES))

    def counted(block: Int64) -> Float64:
        return np.asarray(first[block[:, 0]].multiply(into[block[:, 1]]).sum(axis=1), np.float64).ravel()

    blocks = [block for block in np.split(pairs, cuts) if len(block)]
    return np.concatenate([*(side_by_side(counted, blocks) if len(blocks) > 1 else map(counted, blocks)), np.empty(0)])
