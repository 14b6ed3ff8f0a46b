"""A static hash table from int64 keys to rows, read through memory maps: built once, opened in no time.

Keys are grouped by hash bucket; ``starts[b] : starts[b + 1]`` is bucket b. With as many buckets as keys a lookup
touches two places in memory, whatever the distribution of the keys.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recdiff.arrays import Int64

# 2^64 / golden ratio, odd: multiplicative hashing spreads consecutive keys evenly.
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_ABSENT = np.iinfo(np.int64).min
MOST_BITS = 31
"""Of a row's number, for it and its bucket to fit into one."""


@dataclass(frozen=True)
class KeyTable:
    """Distinct keys in bucket order.

    Attributes:
        starts: (buckets + 1,) int64 or uint32, first row of each bucket; the number of buckets is a power of two.
        keys: (N + 1,) int64; the last is a sentinel that equals no key.
    """

    starts: NDArray[Any]
    keys: Int64

    def __len__(self) -> int:
        return len(self.keys) - 1

    @property
    def longest(self) -> int:
        """How many keys the fullest bucket holds."""
        return int(np.diff(self.starts).max())

    def find(self, wanted: Int64) -> Int64:
        """Return the row of each key, int64 (B,), -1 where it is absent."""
        bucket = _bucket(wanted, len(self.starts) - 1)
        at = self.starts.take(bucket).astype(np.int64)
        # A bucket that is empty reads its successor's first key, which hashes elsewhere and so never matches.
        rows = np.where(self.keys.take(at) == wanted, at, -1)
        stop = self.starts.take(bucket + 1).astype(np.int64)
        at += 1
        open_ = np.flatnonzero((rows < 0) & (at < stop))
        while len(open_):
            place = at[open_]
            hit = self.keys.take(place) == wanted[open_]
            rows[open_[hit]] = place[hit]
            at[open_] += 1
            open_ = open_[~hit & (at[open_] < stop[open_])]
        return rows


def build_key_table(keys: Int64) -> tuple[KeyTable, Int64]:
    """Return the table of distinct ``keys`` and the order (N,) in which it holds them."""
    bits = max(len(keys) - 1, 1).bit_length()
    bucket = _bucket(keys, 1 << bits)
    order = _in_order(bucket)
    starts = np.zeros((1 << bits) + 1, np.int64)
    np.cumsum(np.bincount(bucket, minlength=1 << bits), out=starts[1:])
    narrow = starts.astype(np.uint32) if len(keys) < 2**32 else starts
    return KeyTable(narrow, np.append(keys[order], _ABSENT)), order


def _in_order(bucket: Int64) -> Int64:
    """Return the rows by their buckets (N,), of one bucket the first row first."""
    bits = max(len(bucket) - 1, 1).bit_length()
    if bits > MOST_BITS:
        return np.argsort(bucket, kind="stable")
    # Sorting bucket and row in one number takes a fraction of a stable sort of buckets.
    both = (bucket << bits) + np.arange(len(bucket))
    both.sort()
    return both & ((1 << bits) - 1)


def _bucket(keys: Int64, buckets: int) -> Int64:
    bits = buckets.bit_length() - 1
    mixed = keys.view(np.uint64) * _MULTIPLIER
    return (mixed >> np.uint64(64 - bits)).astype(np.int64)
