"""Parquet: the table as it is."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from recdiff_adapters.output import FilePath, whole_file
from recdiff_adapters.table import read_pairs


def to_parquet(table: pa.Table, path: FilePath) -> Path:
    """Write a Parquet file (zstd) and return its path. Raises AdapterError for a bad table."""
    pairs = read_pairs(table)
    with whole_file(path) as temporary:
        parquet.write_table(pairs.table, temporary, compression="zstd")
    return Path(path)
