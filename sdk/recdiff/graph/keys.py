"""One number for a pair of users, and the distinct ones. Letters: B pairs."""

from __future__ import annotations

import numpy as np

from recdiff.arrays import Int64, Mask


def keys_of(src: Int64, dst: Int64, num_users: int, directed: bool) -> Int64:
    """Return one number per pair of positions, (B,); undirected pairs get the same number in both orientations."""
    if not directed:
        src, dst = np.minimum(src, dst), np.maximum(src, dst)
    return src * np.int64(num_users) + dst


def distinct(keys: Int64) -> Int64:
    """Return the distinct ``keys`` (B,), rising; by sorting, which takes a tenth of the time of NumPy's hashing."""
    if np.all(keys[1:] > keys[:-1]):
        return keys
    ordered = np.sort(keys)
    first = np.ones(len(ordered), bool)
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    return ordered[first]


def among(keys: Int64, ordered: Int64) -> Mask:
    """Return which of ``keys`` (B,) are among the rising keys ``ordered`` (N,)."""
    if not len(ordered):
        return np.zeros(len(keys), bool)
    place = np.minimum(np.searchsorted(ordered, keys), len(ordered) - 1)
    return np.asarray(ordered[place] == keys)
