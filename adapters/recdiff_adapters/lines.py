"""Write columns as plain lines, for formats that know no quoting."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

_ROWS = 65_536


def write_lines(path: Path, columns: Sequence[pa.ChunkedArray], separator: str, header: str = "") -> None:
    """Write UTF-8 lines of the columns' values, joined by ``separator``; no column may have a null."""
    table = pa.table({str(number): column for number, column in enumerate(columns)})
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(header)
        for batch in table.to_batches(max_chunksize=_ROWS):
            texts = [column.cast(pa.large_string()) for column in batch.columns]
            joined = pc.binary_join_element_wise(*texts, pa.scalar(separator, pa.large_string()))
            file.writelines(f"{line}\n" for line in joined.to_pylist())
