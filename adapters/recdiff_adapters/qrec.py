"""QRec's text files: as SELFRec's, but QRec also splits lines at commas."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from recdiff_adapters.output import FilePath
from recdiff_adapters.selfrec import to_selfrec
from recdiff_adapters.table import read_pairs
from recdiff_adapters.text import refuse_ids


def to_qrec(
    table: pa.Table, path: FilePath, *, weight: str = "one", directed: bool | None = None, force: bool = False
) -> Path:
    """Write the kept edges, or the recommendations, as a QRec file and return its path.

    ``weight`` and ``directed`` as for SELFRec. Raises AdapterError for a bad table and for ids that are empty or
    have white space or a comma in them.
    """
    refuse_ids(read_pairs(table).kept(), ",", "QRec splits lines at commas")
    return to_selfrec(table, path, weight=weight, directed=directed, force=force)
