"""Accounts with the same targets: a fleet that follows the same users without its members following each other.

Every account is a set of tokens: the users it is tied to and, where edges have times, each of them with the time at
which it was. Min-hashes put accounts of like sets side by side; neighbours in that order are compared in full. With c
tokens in common where m are expected of two accounts of these sizes, a pair counts where c is large against the union
and against m. Pairs that are tied to each other are left out: friends know the same people.

Letters: U users, T tokens, H hashes, P pairs.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components

from recdiff.arrays import Int64, Mask
from recdiff.graph.keys import among, distinct
from recdiff.graph.pairs import common_neighbours, pair_keys, undirected
from recdiff.groups.blocks import gains

BANDS, ROWS = 16, 2
"""Two sets with a share J in common meet with probability 1 - (1 - J^2)^16: .99 at one half, .78 at .3."""
FEWEST_TOKENS, FEWEST_COMMON = 3, 3
LEAST_ALIKE = 0.3
LEAST_GAIN = 12.0
"""By how much the likelihood of what two have in common is above chance, as a logarithm."""
FEWEST_MEMBERS = 5
HASHED = 1 << 22
"""Tokens whose hashes are looked at together."""
MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)


def find_lockstep(tokens: sp.csr_matrix, edges: Int64, free: Mask) -> Int64:
    """Return the number of each account's fleet, (U,), -1 for accounts in none.

    Args:
        tokens: (U, T), ones: what each account is tied to; edges: (E, 2); free: (U,) who may be in a fleet.
    """
    users = tokens.shape[0]
    found = np.full(users, -1)
    rows = np.flatnonzero(free & (np.diff(tokens.indptr) >= FEWEST_TOKENS))
    if len(rows) < FEWEST_MEMBERS:
        return found
    pairs = _alike(tokens, rows[_side_by_side(tokens[rows])], edges)
    links = sp.csr_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(users, users))
    part = connected_components(links, directed=False)[1]
    size = np.bincount(part)[part]
    there = size >= FEWEST_MEMBERS
    found[there] = np.unique(part[there], return_inverse=True)[1]
    return found


def _side_by_side(tokens: sp.csr_matrix) -> Int64:
    """Return pairs of rows whose min-hashes agree in a band, neighbours in the order of the band, (P, 2)."""
    seeds = np.random.default_rng(0).integers(1, 1 << 62, BANDS * ROWS).astype(np.uint64)
    pairs = []
    for band in range(BANDS):
        keys = [_smallest(tokens, seed) for seed in seeds[band * ROWS : (band + 1) * ROWS]]
        order = np.lexsort(keys)
        same = np.all([key[order][1:] == key[order][:-1] for key in keys], axis=0)
        pairs.append(np.stack([order[:-1][same], order[1:][same]], axis=1))
    return undirected(np.concatenate(pairs), tokens.shape[0])


def _smallest(tokens: sp.csr_matrix, seed: np.uint64) -> np.ndarray:
    """Return the least hash of each row's tokens."""
    mixed = (np.arange(tokens.shape[1], dtype=np.uint64) ^ seed) * MULTIPLIER
    mixed = (mixed ^ (mixed >> np.uint64(29))) * MULTIPLIER
    mixed ^= mixed >> np.uint64(32)
    begins, found = tokens.indptr, np.empty(tokens.shape[0], np.uint64)
    cuts = np.unique(np.searchsorted(begins[1:], np.arange(0, begins[-1], HASHED)))
    for start, stop in pairwise([*cuts.tolist(), tokens.shape[0]]):
        hashes = mixed[tokens.indices[begins[start] : begins[stop]]]
        found[start:stop] = np.minimum.reduceat(hashes, begins[start:stop] - begins[start])
    return found


def _alike(tokens: sp.csr_matrix, pairs: Int64, edges: Int64) -> Int64:
    """Return the pairs (P, 2) that have far more in common than chance explains and are not tied."""
    users = tokens.shape[0]
    size = np.diff(tokens.indptr).astype(np.float64)
    common = common_neighbours(tokens, tokens, pairs)
    union = size[pairs].sum(axis=1) - common
    gain = gains(common, size[pairs].prod(axis=1) * _chance(tokens))
    tied = distinct(pair_keys(edges, users, directed=False))
    strangers = ~among(pair_keys(pairs, users, directed=False), tied)
    chosen = (common >= FEWEST_COMMON) & (common >= LEAST_ALIKE * union) & (gain >= LEAST_GAIN) & strangers
    return np.asarray(pairs[chosen])


def _chance(tokens: sp.csr_matrix) -> float:
    """Return the probability that two tokens drawn by how often they occur are the same."""
    count = np.bincount(tokens.indices, minlength=tokens.shape[1]).astype(np.float64)
    return float((count**2).sum() / max(count.sum(), 1.0) ** 2)
