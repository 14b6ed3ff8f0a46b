"""NetworkX graph of the edges, with every other column as an attribute of the edge."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from recdiff_adapters.error import AdapterError
from recdiff_adapters.index import index_pairs, refuse_repeats
from recdiff_adapters.library import load_library
from recdiff_adapters.table import EDGES, Pairs, read_pairs


def to_networkx(table: pa.Table, *, directed: bool | None = None) -> Any:
    """Return a ``networkx.DiGraph``, or a ``networkx.Graph`` of undirected edges.

    Nodes are the ids as they are (int or str). Removed edges are there too, with ``keep=False``. A null leaves
    its attribute out. Undirected, an edge may be listed in both directions with the same fake_score and keep;
    the attributes of the first stay. Raises AdapterError for a bad table, for recommendations, and for rows
    that are one edge but say different things.
    """
    networkx = load_library("networkx", "networkx")
    pairs = read_edges(table, "NetworkX graph")
    one_way = pairs.directed(directed)
    graph = networkx.DiGraph() if one_way else networkx.Graph()
    columns = {name: pairs.column(name).to_pylist() for name in pairs.value_names}
    left, right = (pairs.column(name).to_pylist() for name in pairs.id_names)
    rows = range(len(left)) if one_way else once(pairs)
    for row in rows:
        attributes = {name: values[row] for name, values in columns.items() if values[row] is not None}
        graph.add_edge(left[row], right[row], **attributes)
    return graph


def read_edges(table: pa.Table, what: str) -> Pairs:
    """Check a table of edges, each there once per direction; raises AdapterError for anything else."""
    pairs = read_pairs(table)
    if pairs.kind != EDGES:
        raise AdapterError(f"a {what} is made of edges (src, dst), not of recommendations")
    refuse_repeats(pairs, index_pairs(pairs), f"a {what} holds an edge once")
    return pairs


def once(pairs: Pairs) -> list[int]:
    """Return the rows, without those that list an earlier row's edge in the other direction.

    Raises AdapterError where the two say different things.
    """
    index = index_pairs(pairs)
    low, high = np.minimum(index.left, index.right), np.maximum(index.left, index.right)
    score = pairs.column("fake_score").to_pylist()
    keep = pairs.column("keep").to_pylist()
    first: dict[tuple[int, int], int] = {}
    for row, tie in enumerate(zip(low.tolist(), high.tolist(), strict=True)):
        seen = first.setdefault(tie, row)
        if (score[row], keep[row]) != (score[seen], keep[seen]):
            raise AdapterError(
                f"rows {seen + 1} and {row + 1} are one undirected edge, but their fake_score or keep differ "
                f"({score[seen]}, {keep[seen]} and {score[row]}, {keep[row]}); use directed=True"
            )
    return list(first.values())
