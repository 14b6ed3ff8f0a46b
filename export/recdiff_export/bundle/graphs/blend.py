"""The blend inside recommender.onnx: what ``recdiff.blend.blend`` computes, by the same formula.

A member's score of an item is the sum of table entries over the user's items. The entries of a batch are laid out one
after the other and added up where they belong, so memory is bounded by the entries there are, not by the longest list.
Tables have one extra row that padding names; all of its weights are 0.

Letters: B users, I items, N items of all users of the batch with one padding entry each, K entries of a table's row.
"""

from __future__ import annotations

import numpy as np

from recdiff.blend.mixing import standardised
from recdiff.blend.names import OURS, POPULARITY
from recdiff_export.bundle.graphs.lists import lists_of
from recdiff_export.bundle.graphs.writer import FLOAT, INT32, INT64, Graph
from recdiff_export.bundle.names import HISTORY_FILES, member_files
from recdiff_export.bundle.parts import BlendWeights


def blended(graph: Graph, weights: BlendWeights, items: int, position: str, own: str) -> str:
    """Return the blended scores (B, I + 1), given user positions (B,) and the recommender's own scores (B, I + 1).

    The last column is 0.
    """
    ours, _ = _standardised(graph, _items_of(graph, own, items))
    said = {OURS: ours}
    if weights.tables:
        sizes = len(weights.history_indptr) - 1, len(weights.history_items)
        listed, looked_at = lists_of(graph, HISTORY_FILES, sizes, position)
        item = graph.add("Compress", listed, graph.add("Reshape", looked_at, graph.constant([-1], np.int64)))
        row = graph.add("Gather", graph.add("NonZero", looked_at), graph.constant(0, np.int64), axis=0)
        start = graph.add("Mul", row, graph.constant(items + 1, np.int64))
        nothing = graph.add("Expand", graph.constant(0.0), graph.add("Shape", own))
        for name, (follows, _) in weights.tables.items():
            shape = (items + 1, follows.shape[1])
            total = _summed(graph, name, shape, (item, start), nothing)
            scores, flat = _standardised(graph, _items_of(graph, total, items))
            said[name] = graph.add("Where", flat, ours, scores)
    if weights.popularity is not None:
        popular = standardised(weights.popularity[None].copy())
        said[POPULARITY] = graph.constant(popular) if popular.any() else ours
    parts = [graph.add("Mul", said[name], graph.constant(weight)) for name, weight in sorted(weights.weights.items())]
    # Popularity alone is one row for all, and the sum has to have one a user.
    total = graph.add("Sum", graph.add("Mul", ours, graph.constant(0.0)), *parts)
    return graph.add("Pad", total, graph.constant([0, 0, 0, 1], np.int64))


def _summed(graph: Graph, name: str, shape: tuple[int, int], listed: tuple[str, str], nothing: str) -> str:
    """Return the scores (B, I + 1) of the member ``name`` with a table of this ``shape``.

    Args:
        listed: (N,) item positions, and (N,) where the scores of the item's user begin.
        nothing: (B, I + 1) zeros.
    """
    follows, weight = member_files(name)
    item, start = listed
    flat, axis = graph.constant([-1], np.int64), graph.constant([1], np.int64)
    reached = graph.add("Gather", graph.table(follows.removesuffix(".bin"), follows, INT32, shape), item)
    place = graph.add("Add", graph.add("Cast", reached, to=INT64), graph.add("Unsqueeze", start, axis))
    added = graph.add("Gather", graph.table(weight.removesuffix(".bin"), weight, FLOAT, shape), item)
    total = graph.add(
        "ScatterElements",
        graph.add("Reshape", nothing, flat),
        graph.add("Reshape", place, flat),
        graph.add("Reshape", added, flat),
        axis=0,
        reduction="add",
    )
    return graph.add("Reshape", total, graph.add("Shape", nothing))


def _items_of(graph: Graph, scores: str, items: int) -> str:
    """Return the scores (B, I) of the items, without the column (B, I + 1) of the padding."""
    bounds = ([0], [items], [1])
    return graph.add("Slice", scores, *(graph.constant(each, np.int64) for each in bounds))


def _standardised(graph: Graph, scores: str) -> tuple[str, str]:
    """Return scores (B, I) less their row's mean over its standard deviation, and which rows (B, 1) are of one value.

    Those are 0. The mean is taken twice, since the first of large values is rounded.
    """
    axis = graph.constant([1], np.int64)
    flat = graph.add("Equal", graph.add("ReduceMax", scores, axis), graph.add("ReduceMin", scores, axis))
    for _ in range(2):
        scores = graph.add("Sub", scores, graph.add("ReduceMean", scores, axis))
    deviation = graph.add("Sqrt", graph.add("ReduceMean", graph.add("Mul", scores, scores), axis))
    divided = graph.add("Div", scores, graph.add("Where", flat, graph.constant(1.0), deviation))
    return graph.add("Where", flat, graph.constant(0.0), divided), flat
