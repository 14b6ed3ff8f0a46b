"""A social graph knows its adjacency, with directions or without."""

from __future__ import annotations

import numpy as np

from recdiff.graph.edge_index import EdgeIndex
from recdiff.graph.social_graph import SocialGraph

EDGES = np.array([[0, 1], [2, 1]])


def test_the_adjacency_goes_one_way_only_where_edges_do() -> None:
    assert SocialGraph(EDGES, 3, True).adjacency().toarray().tolist() == [[0, 1, 0], [0, 0, 0], [0, 1, 0]]
    assert SocialGraph(EDGES, 3, False).adjacency(np.array([0.5, 2.0])).toarray().tolist() == [
        [0, 0.5, 0], [0.5, 0, 2], [0, 2, 0]
    ]  # fmt: skip


def test_friends_are_tied_either_way_and_count_once() -> None:
    both = np.concatenate([EDGES, EDGES[:1, ::-1]])
    assert SocialGraph(both, 3, True).friends().toarray().tolist() == [[0, 1, 0], [1, 0, 1], [0, 1, 0]]


def test_edges_are_found_by_their_ends_as_directions_ask() -> None:
    pairs = np.array([[1, 0], [2, 1], [0, 2]])
    assert EdgeIndex.of(SocialGraph(EDGES, 3, True)).rows_of(pairs).tolist() == [-1, 1, -1]
    assert EdgeIndex.of(SocialGraph(EDGES, 3, False)).rows_of(pairs).tolist() == [0, 1, -1]
