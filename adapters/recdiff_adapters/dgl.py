"""DGL graph. DGL is loaded when the function is called, and only there."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from recdiff_adapters.index import Ids, arcs, index_pairs
from recdiff_adapters.library import load_library
from recdiff_adapters.table import EDGES, read_pairs
from recdiff_adapters.tensor import RELATIONS, feature_matrix, feature_names

_NOTE = (
    "DGL's releases cannot be imported beside a current torch (2.13): use an environment with the torch that "
    "your DGL was built for, or take to_pyg here, or to_npz here and dgl.from_scipy there"
)


def to_dgl(
    table: pa.Table, *, directed: bool | None = None, users: Ids = None, items: Ids = None
) -> tuple[Any, dict[str, list[Any]], list[str]]:
    """Return ``(graph, raw ids of each node type, names of the columns of feat)``.

    Edges are ``("user", "social", "user")`` with edge data ``keep`` bool (E,), recommendations
    ``("user", "recommended", "item")``; edge data ``feat`` is float32 (E, F), a null is nan.
    Undirected edges go both ways; ``users`` and ``items`` give positions as for ``to_pyg``. Raises MissingLibrary or
    AdapterError when DGL is absent or cannot be imported, AdapterError for a bad table.
    """
    dgl = load_library("dgl", "dgl", _NOTE)
    torch = load_library("torch", "dgl")
    pairs = read_pairs(table)
    index = index_pairs(pairs, users, items)
    names = feature_names(pairs, directed=pairs.directed(directed))
    left, right, rows = arcs(pairs, index, directed=directed)
    user, relation, other = RELATIONS[pairs.kind]
    ends = (torch.from_numpy(left), torch.from_numpy(right))
    raw_ids = {user: index.left_ids.to_pylist(), other: index.right_ids.to_pylist()}
    counts = {kind: len(ids) for kind, ids in raw_ids.items()}
    graph = dgl.heterograph({RELATIONS[pairs.kind]: ends}, num_nodes_dict=counts)
    graph.edges[relation].data["feat"] = torch.from_numpy(feature_matrix(pairs, names)[rows])
    if pairs.kind == EDGES:
        graph.edges[relation].data["keep"] = torch.from_numpy(pairs.column("keep").to_numpy()[rows])
    return graph, raw_ids, names
