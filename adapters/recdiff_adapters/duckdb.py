"""DuckDB table; DuckDB reads the Arrow table itself."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa

from recdiff_adapters.error import AdapterError, WriteError
from recdiff_adapters.library import load_library
from recdiff_adapters.output import FilePath, whole_database
from recdiff_adapters.proof import check_table
from recdiff_adapters.table import Pairs, read_pairs

_SOURCE = "recdiff_rows_to_write"


def to_duckdb(table: pa.Table, path: FilePath, *, name: str | None = None, force: bool = False) -> Path:
    """Write the rows into a table of a DuckDB file and return the path.

    ``name`` is the table's, "edges" or "recommendations" unless told otherwise; a table of that name is
    replaced in one statement if it is one of ours (or with ``force``), and others are left alone. Raises
    AdapterError for a bad table and for what DuckDB refuses, and WriteError where the disk
    does not let it write.
    """
    duckdb = load_library("duckdb", "duckdb")
    pairs = read_pairs(table)
    _refuse_case_twins(pairs.table.column_names)
    with whole_database(path) as database:
        try:
            with closing(duckdb.connect(str(database))) as connection:
                _replace(connection, pairs, name or pairs.kind, force=force)
        except duckdb.Error as error:
            kind = WriteError if isinstance(error, duckdb.IOException) else AdapterError
            raise kind(f"DuckDB cannot write {path}: {error}") from error
    return Path(path)


def _refuse_case_twins(names: list[str]) -> None:
    seen: dict[str, str] = {}
    for name in names:
        twin = seen.setdefault(name.lower(), name)
        if twin != name:
            raise AdapterError(f"DuckDB takes the columns {twin} and {name} for one and would rename it: rename it")


def _replace(connection: Any, pairs: Pairs, name: str, *, force: bool) -> None:
    quoted = '"' + name.replace('"', '""') + '"'
    query = "SELECT column_name FROM duckdb_columns() WHERE table_name = ? AND NOT internal ORDER BY column_index"
    check_table(name, [row[0] for row in connection.execute(query, [name]).fetchall()], pairs.kind, force=force)
    connection.register(_SOURCE, pairs.table)
    connection.execute(f"CREATE OR REPLACE TABLE {quoted} AS SELECT * FROM {_SOURCE}")
    connection.unregister(_SOURCE)
