"""Find many texts among many known ones, with a hash table that is built once.

Arrow's own lookup builds its table anew on every call, which costs more than the lookup itself while the known texts
outnumber the batch. Here texts are cut into 8-byte words, so that hashing and comparing are array operations.

Letters: N known texts, B texts looked up, W words per known text.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recdiff.arrays import Int64

Words = NDArray[np.uint64]

LONGEST = 128
"""Bytes; among known texts longer than this Arrow does the lookup."""

_ROUNDS = 64
"""Slots tried before Arrow is asked: only ids made to collide get that far."""
_BLOCK = 1 << 16
_SPACE = 4
"""Slots per known text, at least."""
_FIRST, _SECOND = (np.uint64(odd) for odd in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9))


@dataclass(frozen=True)
class TextIndex:
    """Positions of known texts.

    Attributes:
        values: string array (N,), distinct, without nulls.
        words: per word of a text, uint64 (N,): its bytes, zero-padded.
        lengths: int64 (N,) bytes per text.
        slots: int32 (S,), position of the text in each slot, -1 where there is none; S is a power of two.
    """

    values: pa.Array
    words: tuple[Words, ...]
    lengths: Int64
    slots: NDArray[np.int32]

    @classmethod
    def of(cls, values: pa.Array) -> TextIndex | None:
        """Index ``values``, or return None where one is longer than LONGEST bytes or there are none."""
        lengths = _lengths(values)
        if len(values) == 0 or lengths.max() > LONGEST:
            return None
        words = _words(values, lengths, max(1, -(-int(lengths.max()) // 8)))
        slots = np.full(1 << int(_SPACE * len(values) - 1).bit_length(), -1, np.int32)
        at, waiting = _hash(words, lengths) & np.uint64(len(slots) - 1), np.arange(len(values))
        at = at.astype(np.int64)
        while len(waiting):
            free = waiting[slots[at[waiting]] < 0]
            slots[at[free]] = free
            # Of several texts for one slot the last was written; the others move on.
            waiting = waiting[slots[at[waiting]] != waiting]
            at[waiting] = (at[waiting] + 1) & (len(slots) - 1)
        return cls(values, words, lengths, slots)

    def find(self, texts: pa.Array) -> Int64:
        """Return the position of each of ``texts`` (B,), int64, -1 where it is unknown or null."""
        # In blocks, whose working arrays stay in the cache.
        blocks = [self._find(texts.slice(start, _BLOCK)) for start in range(0, len(texts), _BLOCK)]
        return np.concatenate(blocks) if blocks else np.zeros(0, np.int64)

    def _find(self, texts: pa.Array) -> Int64:
        lengths = _lengths(texts)
        words = _words(texts, lengths, len(self.words))
        at = (_hash(words, lengths) & np.uint64(len(self.slots) - 1)).astype(np.int64)
        found = np.full(len(texts), -1, np.int64)
        waiting = np.flatnonzero(np.asarray(texts.is_valid().to_numpy(zero_copy_only=False)))
        for _ in range(_ROUNDS):
            if not len(waiting):
                return found
            here = self.slots[at[waiting]]
            same = (self.lengths[here] == lengths[waiting]) & (here >= 0)
            for known, asked in zip(self.words, words, strict=True):
                same &= known[here] == asked[waiting]
            found[waiting[same]] = here[same]
            waiting = waiting[(here >= 0) & ~same]
            at[waiting] = (at[waiting] + 1) & (len(self.slots) - 1)
        left = pc.index_in(texts.take(pa.array(waiting)), value_set=self.values).fill_null(-1)
        found[waiting] = left.to_numpy(zero_copy_only=False)
        return found


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


def _hash(words: tuple[Words, ...], lengths: Int64) -> Words:
    """Mix the words and the length into one uint64 per text."""
    mixed = lengths.astype(np.uint64) * _FIRST
    for word in words:
        mixed = (mixed ^ word) * _SECOND
        mixed ^= mixed >> np.uint64(29)
    mixed *= _FIRST
    return mixed ^ (mixed >> np.uint64(32))
