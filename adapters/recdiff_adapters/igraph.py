"""igraph graph of the edges, with every other column as an attribute of the edge."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from recdiff_adapters.index import index_pairs
from recdiff_adapters.library import load_library
from recdiff_adapters.networkx import once, read_edges


def to_igraph(table: pa.Table, *, directed: bool | None = None) -> Any:
    """Return an ``igraph.Graph``; vertex attribute ``id`` holds the id as it is, ``name`` its text.

    igraph takes an integer for a position, so a vertex is found by its ``name``: ``graph.vs.find("7")``.
    Removed edges are there too, with ``keep=False``; a null is None. Undirected edges that
    are listed in both directions are there once, as in ``to_networkx``. Raises AdapterError as ``to_networkx``.
    """
    igraph = load_library("igraph", "igraph")
    pairs = read_edges(table, "igraph graph")
    index = index_pairs(pairs)
    one_way = pairs.directed(directed)
    rows = np.arange(len(index.left)) if one_way else np.asarray(once(pairs), np.int64)
    ids = index.left_ids.to_pylist()
    return igraph.Graph(
        n=len(ids),
        edges=np.column_stack([index.left[rows], index.right[rows]]),
        directed=one_way,
        vertex_attrs={"id": ids, "name": [str(value) for value in ids]},
        edge_attrs={name: pairs.column(name).take(rows).to_pylist() for name in pairs.value_names},
    )
