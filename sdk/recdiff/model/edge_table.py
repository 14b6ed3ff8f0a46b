"""The table of fitted edges: each with its fake score and the evidence a person can check it by.

Letters: U users, E edges, B pairs.
"""

from __future__ import annotations

from typing import cast

import numpy as np
import pyarrow as pa
import scipy.sparse as sp

from recdiff.arrays import Int64
from recdiff.data.dataset import SocialDataset
from recdiff.data.ids import Ids
from recdiff.graph.pairs import common_neighbours
from recdiff.graph.social_graph import SocialGraph
from recdiff.scorer.fitted import Scorer


def edge_table(dataset: SocialDataset, scorer: Scorer) -> pa.Table:
    """Return one row per fitted edge, (E,).

    Columns: src, dst (positions), fake_score (out of fold), kind (of fake it resembles most), common_friends,
    shared_items (with interactions), degree_src, degree_dst, movement (of the two ends by denoising, as a multiple
    of the median user's; with a denoiser), tied_at (seconds; where the data have times of edges).
    """
    edges = dataset.edges
    kinds = np.array(scorer.kinds, dtype=object)[scorer.edge_kinds.argmax(axis=1)]
    columns: dict[str, pa.Array] = {
        "src": pa.array(edges[:, 0]),
        "dst": pa.array(edges[:, 1]),
        # No score is null, and then no kind either.
        "fake_score": pa.array(scorer.edge_scores, from_pandas=True),
        "kind": pa.array(kinds, pa.string(), mask=np.isnan(scorer.edge_scores)),
    }
    columns |= counts(edges, dataset.graph, dataset.train)
    if len(scorer.movement):
        usual = np.maximum(np.median(scorer.movement), np.float32(1e-9))
        columns["movement"] = pa.array((scorer.movement[edges].mean(axis=1) / usual).astype(np.float32))
    if dataset.edge_times is not None:
        columns["tied_at"] = pa.array(dataset.edge_times)
    return pa.table(columns)


def with_ids(edges: pa.Table, users: Ids) -> pa.Table:
    """Return ``edges`` (E,) with raw ids in place of positions."""
    ends = {name: users.take(edges[name].to_numpy()) for name in ("src", "dst")}
    return pa.table({**ends, **{name: edges[name] for name in edges.column_names if name not in ends}})


def both_ways(table: pa.Table) -> pa.Table:
    """Return each row followed by its mirror image, for undirected input that listed both directions."""
    swap = {"src": "dst", "dst": "src", "degree_src": "degree_dst", "degree_dst": "degree_src"}
    columns = {name: table[swap.get(name, name)] for name in table.column_names}
    mirror = pa.table(columns).replace_schema_metadata(table.schema.metadata)
    count = table.num_rows
    order = np.arange(2 * count).reshape(2, count).T.ravel()
    return cast(pa.Table, pa.concat_tables([table, mirror]).take(pa.array(order)))


def counts(pairs: Int64, graph: SocialGraph, train: sp.csr_matrix) -> dict[str, pa.Array]:
    """Return what can be counted about pairs (B, 2) in ``graph``.

    common_friends counts users tied to both ends, whatever the direction; degrees are out of src and into dst where
    edges are directed, and count a pair's own edge where it is one.
    """
    both, edges, users = graph.friends(), graph.edges, graph.num_users
    found = {"common_friends": pa.array(common_neighbours(both, both, pairs).astype(np.int32))}
    if train.nnz:
        found["shared_items"] = pa.array(common_neighbours(train, train, pairs).astype(np.int32))
    degrees = (
        [np.bincount(edges[:, side], minlength=users) for side in (0, 1)]
        if graph.directed
        else [np.bincount(edges.ravel(), minlength=users)] * 2
    )
    found["degree_src"] = pa.array(degrees[0][pairs[:, 0]].astype(np.int32))
    found["degree_dst"] = pa.array(degrees[1][pairs[:, 1]].astype(np.int32))
    return found
