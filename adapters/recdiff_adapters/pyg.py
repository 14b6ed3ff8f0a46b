"""PyTorch Geometric HeteroData. An object, not a file: a saved one does not load under torch's safe default."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from recdiff_adapters.index import Ids, arcs, as_ids, index_pairs
from recdiff_adapters.library import load_library
from recdiff_adapters.table import EDGES, read_pairs
from recdiff_adapters.tensor import RELATIONS, feature_matrix, feature_names


def to_pyg(table: pa.Table, *, directed: bool | None = None, users: Ids = None, items: Ids = None) -> Any:
    """Return a ``torch_geometric.data.HeteroData``.

    Edges are ``("user", "social", "user")`` with ``keep`` bool (E,), recommendations
    ``("user", "recommended", "item")``. Each has ``edge_index`` int64 (2, E) and ``edge_attr`` float32 (E, F),
    the numeric columns named in ``edge_attr_names``; a null is nan. ``data["user"].raw_id`` is a NumPy array of
    the ids: ``users`` as they are given, else those of the table in the order first seen. ``items`` are nodes too where
    they are given. Undirected edges go both ways, and columns that speak of one end (``degree_src``) are no
    attributes of theirs. Raises AdapterError for a bad table and for an id that is not given.
    """
    load_library("torch_geometric", "pyg")
    hetero = load_library("torch_geometric.data", "pyg")
    torch = load_library("torch", "pyg")
    pairs = read_pairs(table)
    index = index_pairs(pairs, users, items)
    names = feature_names(pairs, directed=pairs.directed(directed))
    left, right, rows = arcs(pairs, index, directed=directed)
    data = hetero.HeteroData()
    user, relation, other = RELATIONS[pairs.kind]
    nodes = {} if items is None else {"item": as_ids(items)}
    for kind, ids in {**nodes, user: index.left_ids, other: index.right_ids}.items():
        data[kind].num_nodes = len(ids)
        data[kind].raw_id = ids.to_numpy(zero_copy_only=False)
    store = data[user, relation, other]
    store.edge_index = torch.from_numpy(np.stack([left, right]))
    store.edge_attr = torch.from_numpy(feature_matrix(pairs, names)[rows])
    store.edge_attr_names = names
    if pairs.kind == EDGES:
        store.keep = torch.from_numpy(pairs.column("keep").to_numpy()[rows])
    return data
