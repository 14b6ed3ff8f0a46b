"""Ids as positions, for formats that are matrices or tensors. N rows, U users, I items."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recdiff_adapters.error import AdapterError, OptionError
from recdiff_adapters.table import EDGES, Pairs


@dataclass(frozen=True)
class Index:
    """Rows as positions: ``left`` and ``right`` are int64 (N,) into ``left_ids`` and ``right_ids``.

    For edges both are one list of the U users, in the order first seen in src, then in dst. For
    recommendations ``left_ids`` are U users and ``right_ids`` are I items.
    """

    left_ids: pa.Array
    right_ids: pa.Array
    left: np.ndarray
    right: np.ndarray


def index_pairs(pairs: Pairs) -> Index:
    """Give every id a position, in the order ids are first seen."""
    left, right = (pairs.column(name) for name in pairs.id_names)
    if pairs.kind == EDGES:
        ids, positions = _encode(_stack(left, right))
        return Index(ids, ids, positions[: len(left)], positions[len(left) :])
    left_ids, left_positions = _encode(left)
    right_ids, right_positions = _encode(right)
    return Index(left_ids, right_ids, left_positions, right_positions)


def _stack(left: pa.ChunkedArray, right: pa.ChunkedArray) -> pa.ChunkedArray:
    if left.type != right.type:  # string beside large_string
        left, right = left.cast(pa.large_string()), right.cast(pa.large_string())
    return pa.chunked_array([*left.chunks, *right.chunks], type=left.type)


def _encode(column: pa.ChunkedArray) -> tuple[pa.Array, np.ndarray]:
    encoded = pc.dictionary_encode(column).combine_chunks()
    return encoded.dictionary, encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)


def refuse_repeats(pairs: Pairs, index: Index, reason: str) -> None:
    """Raise AdapterError naming two rows that join the same two ids in the same direction."""
    codes = index.left * max(len(index.right_ids), 1) + index.right
    order = np.argsort(codes, kind="stable")
    again = np.flatnonzero(codes[order][1:] == codes[order][:-1])
    if not len(again):
        return
    first, second = int(order[again[0]]), int(order[again[0] + 1])
    left, right = (pairs.column(name)[second].as_py() for name in pairs.id_names)
    raise AdapterError(
        f"rows {pairs.row(first)} and {pairs.row(second)} are the same pair, {left!r} and {right!r}: {reason}"
    )


def arcs(pairs: Pairs, index: Index, *, directed: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return ``(left, right, rows)``, each int64 (M,): the arcs and the row that each comes from.

    ``directed=False`` adds the other direction of each edge after all rows, where the table does not list it.
    Raises OptionError for recommendations with ``directed=False``: they have one direction only.
    """
    rows = np.arange(len(index.left))
    if directed:
        return index.left, index.right, rows
    if pairs.kind != EDGES:
        raise OptionError("directed=False is for edges; recommendations go from a user to an item")
    users = max(len(index.left_ids), 1)
    back = np.flatnonzero(~np.isin(index.right * users + index.left, index.left * users + index.right))
    return (
        np.append(index.left, index.right[back]),
        np.append(index.right, index.left[back]),
        np.append(rows, back),
    )
