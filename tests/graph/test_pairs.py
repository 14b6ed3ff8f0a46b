"""Pairs of users by hand."""

from __future__ import annotations

import numpy as np

from recdiff.graph.pairs import pair_keys, undirected

EDGES = np.array([[3, 1], [2, 2], [1, 3], [0, 4], [1, 2]])


def test_undirected_pairs_are_distinct_in_order_and_join_two_users() -> None:
    assert undirected(EDGES, 5).tolist() == [[0, 4], [1, 2], [1, 3]]
    assert undirected(EDGES[1:2], 5).shape == (0, 2)


def test_a_direction_makes_another_pair() -> None:
    assert pair_keys(EDGES, 5, directed=False).tolist() == [8, 12, 8, 4, 7]
    assert pair_keys(EDGES, 5, directed=True).tolist() == [16, 12, 8, 4, 7]
