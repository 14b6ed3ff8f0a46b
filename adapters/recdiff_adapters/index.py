"""Ids as positions, for formats that are matrices or tensors. N rows, U users, I items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recdiff_adapters.error import AdapterError, shorten
from recdiff_adapters.table import EDGES, Pairs

Ids: TypeAlias = "pa.Array | pa.ChunkedArray | Sequence[Any] | None"
"""Raw ids by position, or None."""


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


def index_pairs(pairs: Pairs, users: Ids = None, items: Ids = None) -> Index:
    """Give every id a position: that in ``users`` or ``items`` where they are given, else in the order first seen.

    Raises AdapterError for an id that is not among those given.
    """
    left, right = (pairs.column(name) for name in pairs.id_names)
    if users is not None or items is not None:
        others = users if pairs.kind == EDGES else items
        left_ids, left_positions = _placed(pairs, pairs.id_names[0], users)
        right_ids, right_positions = _placed(pairs, pairs.id_names[1], others)
        return Index(left_ids, right_ids, left_positions, right_positions)
    if pairs.kind == EDGES:
        ids, positions = _encode(_stack(left, right))
        return Index(ids, ids, positions[: len(left)], positions[len(left) :])
    left_ids, left_positions = _encode(left)
    right_ids, right_positions = _encode(right)
    return Index(left_ids, right_ids, left_positions, right_positions)


def as_ids(ids: Ids) -> pa.Array:
    """Return given ids as one Arrow array."""
    if isinstance(ids, pa.ChunkedArray):
        return ids.combine_chunks()
    return ids if isinstance(ids, pa.Array) else pa.array(ids)


def _placed(pairs: Pairs, name: str, given: Ids) -> tuple[pa.Array, np.ndarray]:
    column = pairs.column(name)
    if given is None:
        return _encode(column)
    ids = as_ids(given)
    if pa.types.is_integer(ids.type) != pa.types.is_integer(column.type):
        raise AdapterError(f"column {name} is of type {column.type} and the ids that were given of type {ids.type}")
    positions = pc.index_in(column, value_set=ids.cast(column.type))
    pairs.refuse(name, pc.is_null(positions), "is not among the ids that were given")
    return ids, positions.to_numpy().astype(np.int64)


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
    ends = f"{shorten(left)} and {shorten(right)}"
    raise AdapterError(f"rows {pairs.row(first)} and {pairs.row(second)} are the same pair, {ends}: {reason}")


def arcs(pairs: Pairs, index: Index, *, directed: bool | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return ``(left, right, rows)``, each int64 (M,): the arcs and the row that each comes from.

    Of undirected edges (``Pairs.directed``) the other direction comes after all rows, where the table does not
    list it. Raises OptionError for recommendations with ``directed=False``.
    """
    rows = np.arange(len(index.left))
    if pairs.directed(directed):
        return index.left, index.right, rows
    users = max(len(index.left_ids), 1)
    back = np.flatnonzero(~np.isin(index.right * users + index.left, index.left * users + index.right))
    return (np.append(index.left, index.right[back]), np.append(index.right, index.left[back]), np.append(rows, back))


def both_ways(pairs: Pairs, *, directed: bool | None) -> Pairs:
    """Return the rows of ``arcs`` as a table: of undirected edges both directions, for readers of directed ones."""
    if pairs.directed(directed):
        return pairs
    _, _, rows = arcs(pairs, index_pairs(pairs), directed=False)
    listed = pairs.table.num_rows
    table, (left, right) = pairs.table.take(rows), pairs.id_names
    new = pa.array(np.arange(len(rows)) >= listed)
    ends = {left: pc.if_else(new, table[right], table[left]), right: pc.if_else(new, table[left], table[right])}
    for name, ids in ends.items():
        table = table.set_column(table.column_names.index(name), name, ids)
    return Pairs(pairs.kind, table, rows if pairs.rows is None else pairs.rows[rows])
