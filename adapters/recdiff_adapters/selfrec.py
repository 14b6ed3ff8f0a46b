"""SELFRec's text files: ``user1 user2 weight`` or ``user item weight``, single spaces, no header, no quoting."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from recdiff_adapters.index import both_ways
from recdiff_adapters.lines import write_lines
from recdiff_adapters.output import FilePath, unproven, whole_file
from recdiff_adapters.table import read_pairs
from recdiff_adapters.text import EMPTY, WHITE_SPACE, refuse_ids
from recdiff_adapters.weight import row_weights


def to_selfrec(
    table: pa.Table, path: FilePath, *, weight: str = "one", directed: bool | None = None, force: bool = False
) -> Path:
    """Write the kept edges, or the recommendations, as a SELFRec file and return its path.

    ``weight`` is "one", "trust" or "fake_score" for edges; a recommendation's is its score. Undirected edges are
    written in both directions. Raises AdapterError for a bad table and for ids that are empty or have white space
    in them.
    """
    pairs = both_ways(read_pairs(table).kept(), directed=directed)
    refuse_ids(pairs, WHITE_SPACE, "SELFRec separates columns with spaces and strips lines: no white space in ids")
    refuse_ids(pairs, EMPTY, "SELFRec cannot hold an empty id")
    columns = [*(pairs.column(name) for name in pairs.id_names), row_weights(pairs, weight)]
    with whole_file(path, unproven, force=force) as temporary:
        write_lines(temporary, columns, " ")
    return Path(path)
