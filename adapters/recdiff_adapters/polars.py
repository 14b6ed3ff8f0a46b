"""Polars DataFrame."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from recdiff_adapters.library import load_library
from recdiff_adapters.table import read_pairs


def to_polars(table: pa.Table) -> Any:
    """Return a ``polars.DataFrame`` of the table. Raises AdapterError for a bad table."""
    return load_library("polars", "polars").from_arrow(read_pairs(table).table)
