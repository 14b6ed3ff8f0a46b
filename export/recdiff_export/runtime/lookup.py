"""Raw ids to positions at streaming speed: whole-number ids through tables, text through Arrow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recdiff.arrays import Int64, Mask
from recdiff.data.edge_stream import written_as
from recdiff.data.ids import Ids
from recdiff.graph.key_table import KeyTable, build_key_table

# A table by value is used while the ids' range is at most this many times their number: 4 bytes a slot.
_SPREAD = 16


def self_ties(src: pa.Array, dst: pa.Array, left: Int64, right: Int64) -> Mask:
    """Tell which pairs of raw ids are one user twice, (B,).

    Args:
        left, right: (B,) their positions. Users that are not known, -1, are told apart by their ids as spelled.
    """
    twice: Mask = left == right
    unknown = np.flatnonzero(twice & (left < 0))
    if len(unknown):
        spelled = [written_as(side.take(pa.array(unknown)), pa.string()) for side in (src, dst)]
        twice[unknown] = pc.equal(*spelled).fill_null(False).to_numpy(zero_copy_only=False)
    return twice


@dataclass(frozen=True)
class IdLookup:
    """Finds the position of raw ids, -1 where unknown.

    Attributes:
        ids: the raw ids by position; what this class answers is what ``ids.index`` answers, sooner.
        first: the smallest id of ``slots``.
        slots: (range + 1,) int32 positions by ``id - first``, -1 in gaps and at the end; None for other ids.
        table, order: hashed ids and the position of each of the table's rows; None for other ids.
    """

    ids: Ids
    first: int = 0
    slots: NDArray[np.int32] | None = None
    table: KeyTable | None = None
    order: Int64 | None = None

    @classmethod
    def of(cls, ids: Ids) -> IdLookup:
        """Prepare the lookup of ``ids``."""
        if not ids.integers or len(ids) == 0:
            return cls(ids)
        numbers = ids.values.to_numpy()
        first, last = int(numbers.min()), int(numbers.max())
        if last - first < _SPREAD * len(numbers) + 1024:
            slots = np.full(last - first + 2, -1, np.int32)
            slots[numbers - first] = np.arange(len(numbers), dtype=np.int32)
            return cls(ids, first, slots)
        table, order = build_key_table(numbers)
        return cls(ids, table=table, order=np.append(order, -1))

    def pair(self, src: Any, dst: Any) -> tuple[Int64, Int64]:
        """Return the positions of two id columns of equal length."""
        if not self.ids.integers and isinstance(src, pa.Array) and src.type == dst.type:
            # Arrow hashes the model's ids anew on every call: ask once.
            both = self.index(pa.concat_arrays([src, dst]))
            return both[: len(src)], both[len(src) :]
        return self.index(src), self.index(dst)

    def index(self, raw: Any) -> Int64:
        """Return the position of each raw id, int64 (B,), -1 where it is unknown."""
        if not isinstance(raw, pa.Array) or raw.type != pa.int64() or raw.null_count:
            return self.ids.index(raw)
        numbers: Int64 = raw.to_numpy()
        if self.slots is not None:
            # Below the range wraps around to a huge unsigned number: both ends meet in the last slot, which is -1.
            place = np.minimum((numbers - self.first).view(np.uint64), np.uint64(len(self.slots) - 1))
            return self.slots.take(place.view(np.int64)).astype(np.int64)
        if self.table is not None and self.order is not None:
            return self.order.take(self.table.find(numbers))
        return self.ids.index(raw)
