"""Tidy tables: one row per observation, one column per variable, plain CSV."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv

from recdiff.storage.whole import write_whole

Row = Mapping[str, Any]


def table_of(rows: Sequence[Row]) -> pa.Table:
    """Return rows that all have the same columns as a table; None stays empty.

    Raises:
        ValueError: there are no rows, or their columns differ.
    """
    if not rows:
        raise ValueError("a table needs at least one row")
    columns = list(rows[0])
    for row in rows:
        if list(row) != columns:
            raise ValueError(f"row {dict(row)} has other columns than the first: {columns}")
    return pa.table({name: pa.array([row[name] for row in rows]) for name in columns})


def write_csv(table: pa.Table, file: Path) -> None:
    """Write ``table`` whole, quoting text and the header alone."""
    sink = io.BytesIO()
    pacsv.write_csv(table, sink, pacsv.WriteOptions(quoting_style="needed"))
    write_whole(file, sink.getvalue().decode())


def distinct(rows: Iterable[Row], column: str) -> list[Any]:
    """Return the values of ``column`` in order of first appearance."""
    return list(dict.fromkeys(row[column] for row in rows))


def where(rows: Iterable[Row], **wanted: Any) -> list[Row]:
    """Return the rows whose columns have the wanted values."""
    return [row for row in rows if all(row[name] == value for name, value in wanted.items())]
