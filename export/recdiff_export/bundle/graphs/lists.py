"""Lists of items, one a user, cut out of compressed rows inside a graph."""

from __future__ import annotations

import numpy as np

from recdiff_export.bundle.graphs.writer import INT32, INT64, Graph


def lists_of(graph: Graph, files: tuple[str, str], sizes: tuple[int, int], position: str) -> tuple[str, str]:
    """Return the lists of a batch of users, padded to its longest, and what of that is to be looked at.

    Args:
        files: of the rows' starts (U + 1,) int64, and of the items (N + 1,) int32, whose last entry is the padding.
        sizes: U and N.
        position: (B,) of the users.

    Returns:
        two names, both (B, S + 1) with S items in the longest list: item positions, and true for each item of a list
        and one padding entry behind it, so that no batch is without any.
    """
    starts, items = files
    indptr = graph.table(starts.removesuffix(".bin"), starts, INT64, (sizes[0] + 1,))
    listed = graph.table(items.removesuffix(".bin"), items, INT32, (sizes[1] + 1,))
    zero, one = graph.constant([0], np.int64), graph.constant(1, np.int64)
    start = graph.add("Gather", indptr, position)
    length = graph.add("Sub", graph.add("Gather", indptr, graph.add("Add", position, one)), start)
    longest = graph.add("ReduceMax", graph.add("Concat", length, zero, axis=0), keepdims=0)
    offset = graph.add("Range", graph.constant(0, np.int64), graph.add("Add", longest, one), one)
    axis = graph.constant([1], np.int64)
    length = graph.add("Unsqueeze", length, axis)
    inside = graph.add("Less", offset, length)
    place = graph.add("Add", offset, graph.add("Unsqueeze", start, axis))
    last = graph.constant(sizes[1], np.int64)
    found = graph.add("Gather", listed, graph.add("Where", inside, place, last))
    return found, graph.add("LessOrEqual", offset, length)
