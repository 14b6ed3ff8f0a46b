"""Arrow IPC file (also called Feather 2): the table as it is, mapped into memory by readers."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from recdiff_adapters.output import FilePath, whole_file
from recdiff_adapters.table import read_pairs


def to_arrow(table: pa.Table, path: FilePath) -> Path:
    """Write an Arrow IPC file and return its path. Raises AdapterError for a bad table."""
    pairs = read_pairs(table)
    with whole_file(path) as temporary, pa.ipc.new_file(str(temporary), pairs.table.schema) as writer:
        writer.write_table(pairs.table)
    return Path(path)
