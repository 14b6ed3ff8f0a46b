"""DuckDB table; DuckDB reads the Arrow table itself."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa

from recdiff_adapters.error import AdapterError
from recdiff_adapters.library import load_library
from recdiff_adapters.output import FilePath, whole_database
from recdiff_adapters.table import read_pairs

_SOURCE = "recdiff_rows_to_write"


def to_duckdb(table: pa.Table, path: FilePath, *, name: str | None = None) -> Path:
    """Write the rows into a table of a DuckDB file and return the path.

    ``name`` is the table's, "edges" or "recommendations" unless told otherwise; a table of that name is
    replaced in one statement and others are left alone. Raises AdapterError for a bad table and for what
    DuckDB refuses.
    """
    duckdb = load_library("duckdb", "duckdb")
    pairs = read_pairs(table)
    _refuse_case_twins(pairs.table.column_names)
    with whole_database(path) as database:
        try:
            with closing(duckdb.connect(str(database))) as connection:
                _replace(connection, pairs.table, name or pairs.kind)
        except duckdb.Error as error:
            raise AdapterError(f"DuckDB cannot write {path}: {error}") from error
    return Path(path)


def _refuse_case_twins(names: list[str]) -> None:
    seen: dict[str, str] = {}
    for name in names:
        twin = seen.setdefault(name.lower(), name)
        if twin != name:
            raise AdapterError(f"DuckDB takes the columns {twin} and {name} for one and would rename it: rename it")


def _replace(connection: Any, table: pa.Table, name: str) -> None:
    quoted = '"' + name.replace('"', '""') + '"'
    connection.register(_SOURCE, table)
    connection.execute(f"CREATE OR REPLACE TABLE {quoted} AS SELECT * FROM {_SOURCE}")
    connection.unregister(_SOURCE)
