"""pandas DataFrame."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from recdiff_adapters.library import load_library
from recdiff_adapters.table import read_pairs


def to_pandas(table: pa.Table) -> Any:
    """Return a ``pandas.DataFrame`` of the table; integers stay integers beside nulls.

    Raises AdapterError for a bad table.
    """
    load_library("pandas", "pandas")
    return read_pairs(table).table.to_pandas(integer_object_nulls=True)
