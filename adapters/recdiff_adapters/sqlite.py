"""SQLite table, through Python's own driver."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from recdiff_adapters.error import AdapterError, WriteError
from recdiff_adapters.output import FilePath, whole_database
from recdiff_adapters.proof import check_table
from recdiff_adapters.table import Pairs, read_pairs

_ROWS = 65_536


def to_sqlite(table: pa.Table, path: FilePath, *, name: str | None = None, force: bool = False) -> Path:
    """Write the rows into a table of a SQLite file and return the path.

    ``name`` is the table's, "edges" or "recommendations" unless told otherwise; a table of that name is
    replaced in one transaction if it is one of ours (or with ``force``), and others are left alone. Booleans are 0
    and 1. Raises AdapterError for a bad table, for a NaN (SQLite would store null) and for what SQLite refuses, and
    WriteError where the disk or a lock does not let it write.
    """
    pairs = read_pairs(table)
    _refuse_nan(pairs)
    with whole_database(path) as database:
        try:
            with closing(sqlite3.connect(database, isolation_level=None)) as connection:
                _replace(connection, pairs, name or pairs.kind, force=force)
        except sqlite3.Error as error:
            kind = WriteError if isinstance(error, sqlite3.OperationalError) else AdapterError
            raise kind(f"SQLite cannot write {path}: {error}") from error
    return Path(path)


def _refuse_nan(pairs: Pairs) -> None:
    for field in pairs.table.schema:
        if pa.types.is_floating(field.type):
            column = pairs.column(field.name)
            pairs.refuse(field.name, pc.is_nan(column), "SQLite stores nan as null: use null or parquet")


def _replace(connection: sqlite3.Connection, pairs: Pairs, name: str, *, force: bool) -> None:
    columns = ", ".join(f"{_quoted(field.name)} {_type(field.type)}" for field in pairs.table.schema)
    marks = ", ".join("?" * pairs.table.num_columns)
    # Closing the connection without COMMIT takes everything back.
    connection.execute("BEGIN IMMEDIATE")
    old = [row[1] for row in connection.execute(f"PRAGMA table_info({_quoted(name)})")]
    check_table(name, old, pairs.kind, force=force)
    connection.execute(f"DROP TABLE IF EXISTS {_quoted(name)}")
    connection.execute(f"CREATE TABLE {_quoted(name)} ({columns})")
    for batch in pairs.table.to_batches(max_chunksize=_ROWS):
        values = zip(*(column.to_pylist() for column in batch.columns), strict=True)
        connection.executemany(f"INSERT INTO {_quoted(name)} VALUES ({marks})", values)
    connection.execute("COMMIT")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _type(kind: pa.DataType) -> str:
    if pa.types.is_integer(kind):
        return "INTEGER"
    if pa.types.is_boolean(kind):
        return "BOOLEAN"
    return "REAL" if pa.types.is_floating(kind) else "TEXT"
