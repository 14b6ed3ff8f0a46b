"""Scores that another system gave: of items for users, and of edges.

Letters: U users, I items, N rows whose ids the data know.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recdiff.arrays import Float64, Int64
from recdiff.data.columns import INTERACTIONS, Schema, plain_name
from recdiff.data.edge_stream import PAIRS, open_edges, row_of
from recdiff.data.ids import Ids, is_text
from recdiff.data.problems import Problem, data_error, shorten
from recdiff.errors import DataError
from recdiff.storage.bounded import held

LISTED = replace(INTERACTIONS, table="scores", optional=())
"""A user and an item a row."""
SCORE, FAKE_SCORE = ("score", "rating", "prediction"), ("fake_score", "score")
"""Names of the column of numbers, the first that is there."""


@dataclass(frozen=True, eq=False)
class Scores:
    """Rows of two ids and a number.

    Attributes:
        file: where they come from.
        ends: int64 (N, 2), positions of user and item, or of the two ends of an edge.
        values: float64 (N,), finite.
        rows: int64 (N,), which rows of the file these are, from 0.
        unknown: rows left out, since they name a user or an item that is not in the data.
    """

    file: Path
    ends: Int64
    values: Float64
    rows: Int64
    unknown: int

    def place(self, row: int) -> int | None:
        """Return what people call the row at ``row`` of these; None in a folder of parts."""
        return row_of(self.file, int(self.rows[row])) if self.file.is_file() else None


def read_item_scores(file: Path, users: Ids, items: Ids) -> Scores:
    """Read user_id, item_id and score (or rating, prediction), other spellings as in interactions.

    Raises:
        DataError: the file cannot be read, a score is no finite number, a pair is listed twice, or no row is about
            users and items of the data.
    """
    found = _read(file, LISTED, SCORE, (users, items))
    keys = found.ends[:, 0] * len(items) + found.ends[:, 1]
    order = np.argsort(keys, kind="stable")
    again = order[1:][np.diff(keys[order]) == 0]
    if len(again):
        row = int(again.min())
        user, item = (ids.take(found.ends[row, side : side + 1])[0].as_py() for side, ids in enumerate((users, items)))
        text = f"user {shorten(user)} and item {shorten(item)} stand in an earlier row too; keep one of them"
        raise data_error(file, [Problem(text, found.place(row))])
    return found


def read_edge_scores(file: Path, users: Ids) -> Scores:
    """Read src, dst and fake_score (or score), larger where an edge looks more fake.

    Raises:
        DataError: the file cannot be read, a score is no finite number, or no row is about users of the data.
    """
    return _read(file, PAIRS, FAKE_SCORE, (users, users))


def _read(file: Path, names: Schema, spellings: tuple[str, ...], known: tuple[Ids, Ids]) -> Scores:
    rows = open_edges(file, names=names)
    plain = {plain_name(column): column for column in reversed(rows.schema.names)}
    column = next((plain[each] for each in spellings if each in plain), None)
    if column is None:
        raise DataError(
            f"{file}: has columns {', '.join(rows.schema.names)}; expected {rows.ids} and {' or '.join(spellings)}"
        )
    table = pa.Table.from_batches(held(file, rows.batches()), rows.schema)
    if not len(table):
        raise DataError(f"{file}: no rows; expected {rows.ids} and {column}")
    values = _numbers(file, table[column], column)
    ends = np.stack([ids.index(table[name]) for name, ids in zip(names.required, known, strict=True)], axis=1)
    inside = (ends >= 0).all(axis=1)
    if not inside.any():
        first = ", ".join(shorten(table[name][0].as_py()) for name in names.required)
        raise DataError(f"{file}: no row is about the data's own ids; its first row names {first}. Use the same ids")
    return Scores(file, ends[inside], values[inside], np.flatnonzero(inside), int((~inside).sum()))


def _numbers(file: Path, column: pa.ChunkedArray, name: str) -> Float64:
    kind = column.type
    if not (is_text(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        raise data_error(file, [Problem(f"has type {kind}; accepted: numbers", column=name)])
    try:
        values = np.asarray(pc.cast(column, pa.float64()).to_numpy(), np.float64)
    except pa.ArrowInvalid:
        values = np.array([_number(each) for each in column.to_pylist()])
    good = np.isfinite(values)
    if not good.all():
        row = int(np.argmin(good))
        text = f"{shorten(column[row].as_py())} is no finite number; leave the row out or give it one"
        raise data_error(file, [Problem(text, row_of(file, row) if file.is_file() else None, name)], int((~good).sum()))
    return values


def _number(value: object) -> float:
    try:
        return float(str(value))
    except ValueError:
        return float("nan")
