"""Find many texts among many known ones, with a hash table that is built once.

Arrow's own lookup builds its table anew on every call, which costs more than the lookup itself while the known texts
outnumber the batch. Here texts are cut into 8-byte words, so that hashing and comparing are array operations.

Letters: N known texts, B texts looked up, W words per known text.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recdiff.arrays import Int64
from recdiff.graph.key_table import KeyTable, build_key_table

Words = NDArray[np.uint64]

LONGEST = 128
"""Bytes; among known texts longer than this Arrow does the lookup."""

_LONGEST_BUCKET = 64
"""Texts of one bucket before Arrow does the lookup: only ids made to collide are so many."""
_BLOCK = 1 << 16
_FIRST, _SECOND = (np.uint64(odd) for odd in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9))


@dataclass(frozen=True)
class TextIndex:
    """Positions of known texts.

    Attributes:
        words: per word of a text, uint64 (N,): its bytes, zero-padded.
        lengths: int64 (N,) bytes per text.
        table, order: the texts' hashes, and the position (N + 1,) of each of the table's rows, -1 at the end.
    """

    words: tuple[Words, ...]
    lengths: Int64
    table: KeyTable
    order: Int64

    @classmethod
    def of(cls, values: pa.Array) -> TextIndex | None:
        """Index ``values`` (N,), string, distinct and without nulls.

        Return None where there are none, one is longer than LONGEST bytes, or they were made to collide.
        """
        lengths = _lengths(values)
        if len(values) == 0 or lengths.max() > LONGEST:
            return None
        words = _words(values, lengths, max(1, -(-int(lengths.max()) // 8)))
        keys = _hash(words, lengths)
        table, order = build_key_table(keys)
        if table.longest > _LONGEST_BUCKET or not np.array_equal(table.find(keys)[order], np.arange(len(keys))):
            return None
        return cls(words, lengths, table, np.append(order, -1))

    def find(self, texts: pa.Array) -> Int64:
        """Return the position of each of ``texts`` (B,), int64, -1 where it is unknown or null."""
        # In blocks, whose working arrays stay in the cache.
        blocks = [self._find(texts.slice(start, _BLOCK)) for start in range(0, len(texts), _BLOCK)]
        return np.concatenate(blocks) if blocks else np.zeros(0, np.int64)

    def _find(self, texts: pa.Array) -> Int64:
        lengths = _lengths(texts)
        words = _words(texts, lengths, len(self.words))
        found = self.order.take(self.table.find(_hash(words, lengths)))
        same = (found >= 0) & (self.lengths.take(found) == lengths)
        for known, asked in zip(self.words, words, strict=True):
            same &= known.take(found) == asked
        if texts.null_count:
            same &= np.asarray(texts.is_valid().to_numpy(zero_copy_only=False))
        return np.where(same, found, -1)


def _offsets(texts: pa.Array) -> Int64:
    """Return where each text begins and the last one ends in the data buffer, int64 (B + 1,)."""
    raw = texts.buffers()[1]
    if raw is None:
        return np.zeros(len(texts) + 1, np.int64)
    return np.frombuffer(raw, np.int32)[texts.offset : texts.offset + len(texts) + 1].astype(np.int64)


def _lengths(texts: pa.Array) -> Int64:
    return np.diff(_offsets(texts)).astype(np.int64)


def _words(texts: pa.Array, lengths: Int64, count: int) -> tuple[Words, ...]:
    """Return the first ``count`` 8-byte words of each text, zero-padded; a longer text's tail is left out."""
    start = _offsets(texts)[:-1]
    low, high = (int(start[0]), int((start + lengths).max())) if len(start) else (0, 0)
    data = texts.buffers()[2]
    padded = np.zeros(high - low + 8 * count, np.uint8)
    if data is not None:
        padded[: high - low] = np.frombuffer(data, np.uint8)[low:high]
    # A word at every byte: numpy reads unaligned words as well.
    every = np.lib.stride_tricks.as_strided(padded[:8].view(np.uint64), (len(padded) - 7,), (1,))
    words = []
    for number in range(count):
        inside = np.clip(lengths - 8 * number, 0, 8)
        unused = (8 * (8 - inside)).astype(np.uint64)
        # Shifting a word by all its bits is undefined, hence in two steps.
        half = unused // np.uint64(2)
        mask = np.uint64(2**64 - 1) >> half >> (unused - half)
        words.append(every[np.minimum(start - low + 8 * number, len(every) - 1)] & mask)
    return tuple(words)


def _hash(words: tuple[Words, ...], lengths: Int64) -> Int64:
    """Mix the words and the length into 64 bits per text."""
    mixed = lengths.astype(np.uint64) * _FIRST
    for word in words:
        mixed = (mixed ^ word) * _SECOND
        mixed ^= mixed >> np.uint64(29)
    mixed *= _FIRST
    return (mixed ^ (mixed >> np.uint64(32))).view(np.int64)
