"""recommender.onnx: user positions (B,) and k -> the k best unseen item positions and their scores, blended or not.

What each user has seen lies in the bundle as CSR (external data). The graph cuts the batch's lists out, pads
them to the batch's longest, and scatters -inf at them: memory is bounded by B * (I + longest list). The item
table has one extra row that every padded list names, so padding never hides a real item.
"""

from __future__ import annotations

import numpy as np

from recdiff_export.bundle.graphs.blend import blended
from recdiff_export.bundle.graphs.lists import lists_of
from recdiff_export.bundle.graphs.writer import FLOAT, INT64, Graph
from recdiff_export.bundle.names import RECOMMEND_ITEMS_FILE, RECOMMEND_USERS_FILE, SEEN_FILES
from recdiff_export.bundle.parts import RecommenderWeights


def recommender_graph(weights: RecommenderWeights) -> Graph:
    """Return the graph user (B,), k (1,) -> item (B, k) int64, score (B, k); -inf where a user ran out of items.

    A negative user position is unknown and gets scores of NaN.
    """
    graph = Graph("recommender")
    users, width = weights.user_table.shape
    items = len(weights.item_table)
    user = graph.input("user", INT64, ["batch"])
    k = graph.input("k", INT64, [1])
    user_table = graph.table("user_rows", RECOMMEND_USERS_FILE, FLOAT, (users, width))
    item_table = graph.table("item_rows", RECOMMEND_ITEMS_FILE, FLOAT, (items + 1, width))
    position = graph.add("Max", user, graph.constant(0, np.int64))
    scores = graph.add("Gemm", graph.add("Gather", user_table, position, axis=0), item_table, transB=1)
    if weights.blend is not None:
        scores = blended(graph, weights.blend, items, position, scores)
    seen, _ = lists_of(graph, SEEN_FILES, (users, len(weights.seen_items)), position)
    hidden = graph.add("Expand", graph.constant(-np.inf), graph.add("Shape", seen))
    masked = graph.add("ScatterElements", scores, seen, hidden, axis=1)
    most = graph.add("Min", k, graph.constant([items], np.int64))
    best, item = graph.add_many("TopK", 2, masked, most, axis=1)
    unknown = graph.add(
        "Unsqueeze", graph.add("Less", user, graph.constant(0, np.int64)), graph.constant([1], np.int64)
    )
    graph.output("item", item, INT64, ["batch", "k"])
    graph.output("score", graph.add("Where", unknown, graph.constant(np.nan), best), FLOAT, ["batch", "k"])
    return graph
