"""One number for a pair of users, and the distinct ones. Letters: B pairs."""

from __future__ import annotations

import numpy as np

from recdiff.arrays import Int64, Mask, Positions


def keys_of(src: Positions, dst: Positions, num_users: int, directed: bool) -> Int64:
    """Return one number per pair of positions, (B,); undirected pairs get the same number in both orientations."""
    first = src if directed else np.minimum(src, dst)
    keys: Int64 = np.multiply(first, np.int64(num_users), dtype=np.int64)
    keys += dst if directed else np.maximum(src, dst)
    return keys


def rising(keys: Int64) -> bool:
    """Tell whether each of ``keys`` (B,) is larger than the one before."""
    return bool(np.all(keys[1:] > keys[:-1]))


def distinct(keys: Int64) -> Int64:
    """Return the distinct ``keys`` (B,), rising; by sorting, which takes a tenth of the time of NumPy's hashing."""
    if rising(keys):
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
