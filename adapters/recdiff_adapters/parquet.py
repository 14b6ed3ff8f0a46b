"""Parquet: the table as it is."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from recdiff_adapters.output import FilePath, whole_file
from recdiff_adapters.proof import marked, marked_parquet
from recdiff_adapters.table import read_pairs


def to_parquet(table: pa.Table, path: FilePath, *, force: bool = False) -> Path:
    """Write a Parquet file (zstd) and return its path. Raises AdapterError for a bad table."""
    pairs = read_pairs(table)
    with whole_file(path, marked_parquet(pairs.kind), force=force) as temporary:
        parquet.write_table(marked(pairs), temporary, compression="zstd")
    return Path(path)
