"""Arrow IPC file (also called Feather 2): the table as it is, mapped into memory by readers."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from recdiff_adapters.output import FilePath, whole_file
from recdiff_adapters.proof import marked, marked_arrow
from recdiff_adapters.table import read_pairs


def to_arrow(table: pa.Table, path: FilePath, *, force: bool = False) -> Path:
    """Write an Arrow IPC file and return its path. Raises AdapterError for a bad table."""
    pairs = read_pairs(table)
    rows = marked(pairs)
    file = whole_file(path, marked_arrow(pairs.kind), force=force)
    with file as temporary, pa.ipc.new_file(str(temporary), rows.schema) as writer:
        writer.write_table(rows)
    return Path(path)
