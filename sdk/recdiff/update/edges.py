"""The table of edges with new ones behind the others; scores of the others stay, what is counted of them does not.

Letters: U users, E edges fitted, B new edges, D latent width.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import scipy.sparse as sp

from recdiff.arrays import Float32, Float64, Int64
from recdiff.graph.keys import among, distinct
from recdiff.graph.pairs import common_neighbours, pair_keys
from recdiff.graph.social_graph import SocialGraph
from recdiff.model.edge_table import counts
from recdiff.model.fitted import Fitted
from recdiff.scorer.pair_scorer import chance_of
from recdiff.update.larger import Larger
from recdiff.update.scores import Scored


def edges_with(
    fitted: Fitted, larger: Larger, scored: Scored, seen: sp.csr_matrix, social: Float32, *, times: Float64 | None
) -> pa.Table:
    """Return the edges (E + B) of the model, with the columns that it has.

    Args:
        seen: (U, I) all known interactions. social: (U, D) what is denoised. times: (B,) of the new edges, or None.
    """
    graph = larger.graph
    kinds = np.array(fitted.calibration["kinds"], dtype=object)[scored.kind]
    fresh = {
        "fake_score": pa.array(chance_of(scored.odds, fitted.pair.calibration)),
        "kind": pa.array(kinds, pa.string()),
        **counts(larger.new, graph, seen),
    }
    if "movement" in fitted.edges.column_names:
        fresh["movement"] = _movement(fitted, larger.new, social)
    if times is not None:
        fresh["tied_at"] = pa.array(times)
    degrees = _degrees(larger)
    columns: dict[str, pa.ChunkedArray] = {}
    for name in fitted.edges.column_names:
        if name in ("src", "dst"):
            columns[name] = pa.chunked_array([larger.graph.edges[:, int(name == "dst")]])
        elif name in degrees:
            columns[name] = pa.chunked_array([degrees[name]])
        else:
            old = [_recounted(name, fitted, larger, graph, seen)] if name in COUNTED else fitted.edges[name].chunks
            columns[name] = pa.chunked_array([*old, fresh[name]])
    return pa.table(columns, schema=fitted.edges.schema).combine_chunks()


COUNTED = ("common_friends", "shared_items")


def _degrees(larger: Larger) -> dict[str, pa.Array]:
    """Return the degrees of the ends of all edges, as ``edge_table.counts`` has them."""
    out, into = (np.bincount(larger.graph.edges[:, side], minlength=larger.graph.num_users) for side in (0, 1))
    if not larger.graph.directed:
        out = into = out + into
    return {
        f"degree_{end}": pa.array(degree[larger.graph.edges[:, side]].astype(np.int32))
        for side, (end, degree) in enumerate((("src", out), ("dst", into)))
    }


def _recounted(name: str, fitted: Fitted, larger: Larger, graph: SocialGraph, seen: sp.csr_matrix) -> pa.Array:
    """Return a count (E,) of the fitted edges, anew where something has come to it."""
    found = fitted.edges[name].to_numpy().copy()
    old = larger.graph.edges[: larger.fitted]
    if name == "common_friends":
        friends = graph.friends()
        rows = _closed(old, larger, friends)
        found[rows] = common_neighbours(friends, friends, old[rows])
    else:
        # A fit counts training interactions alone, and which these were is not kept: what has come is added.
        rows = np.flatnonzero(np.isin(old, larger.users).any(axis=1))
        before = common_neighbours(fitted.seen, fitted.seen, fitted.pairs[rows])
        found[rows] += (common_neighbours(seen, seen, old[rows]) - before).astype(np.int32)
    return pa.array(found)


def _closed(old: Int64, larger: Larger, friends: sp.csr_matrix) -> Int64:
    """Return which of the ``old`` edges (E, 2) are a side of a triangle that has a new side."""
    third = sp.coo_matrix(friends[larger.new[:, 0]].multiply(friends[larger.new[:, 1]]))
    if not third.nnz:
        return np.empty(0, np.int64)
    sides = [np.stack([larger.new[third.row, end], third.col.astype(np.int64)], axis=1) for end in (0, 1)]
    wanted = distinct(pair_keys(np.concatenate(sides), larger.graph.num_users, directed=False))
    return np.flatnonzero(among(pair_keys(old, larger.graph.num_users, directed=False), wanted))


def _movement(fitted: Fitted, pairs: Int64, social: Float32) -> pa.Array:
    """Return how far denoising moves the ends of ``pairs`` (B, 2), as a multiple of the median fitted user's."""
    assert fitted.growth is not None
    assert fitted.denoiser is not None
    ends = np.unique(pairs)
    moved = np.zeros(len(social), np.float32)
    if len(ends):
        moved[ends] = np.sqrt(np.square(fitted.denoiser.denoise(social[ends]) - social[ends]).mean(axis=1))
    usual = max(float(fitted.growth.movement[0]), 1e-9)
    return pa.array((moved[pairs].mean(axis=1) / usual).astype(np.float32))
