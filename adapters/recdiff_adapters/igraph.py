"""igraph graph of the edges, with every other column as an attribute of the edge."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from recdiff_adapters.index import index_pairs
from recdiff_adapters.library import load_library
from recdiff_adapters.networkx import read_edges


def to_igraph(table: pa.Table, *, directed: bool = True) -> Any:
    """Return an ``igraph.Graph``; vertex attribute ``id`` holds the id as it is, ``name`` its text.

    igraph takes an integer for a position, so a vertex is found by its ``name``: ``graph.vs.find("7")``.
    Removed edges are there too, with ``keep=False``; a null is None. An edge listed in both directions is
    there twice, also with ``directed=False``. Raises AdapterError for a bad table and for recommendations.
    """
    igraph = load_library("igraph", "igraph")
    pairs = read_edges(table, "igraph graph")
    index = index_pairs(pairs)
    ids = index.left_ids.to_pylist()
    return igraph.Graph(
        n=len(ids),
        edges=np.column_stack([index.left, index.right]),
        directed=directed,
        vertex_attrs={"id": ids, "name": [str(value) for value in ids]},
        edge_attrs={name: pairs.column(name).to_pylist() for name in pairs.value_names},
    )
