"""Pairs of users by hand."""

from __future__ import annotations

import numpy as np
import pytest

from recdiff.graph import pairs
from recdiff.graph.pairs import ends_of, pair_keys, undirected

EDGES = np.array([[3, 1], [2, 2], [1, 3], [0, 4], [1, 2]])


def test_undirected_pairs_are_distinct_in_order_and_join_two_users() -> None:
    assert undirected(EDGES, 5).tolist() == [[0, 4], [1, 2], [1, 3]]
    assert undirected(EDGES[1:2], 5).shape == (0, 2)


def test_a_direction_makes_another_pair() -> None:
    assert pair_keys(EDGES, 5, directed=False).tolist() == [8, 12, 8, 4, 7]
    assert pair_keys(EDGES, 5, directed=True).tolist() == [16, 12, 8, 4, 7]


@pytest.mark.parametrize("block", [1, 3, 1 << 21])
def test_ends_are_counted_whatever_the_block(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairs, "BLOCK_ENTRIES", block)
    assert ends_of(np.array([[0, 1], [1, 3], [1, 0]], np.int32), 5).tolist() == [2, 3, 0, 1, 0]


def test_pairs_in_order_are_not_copied() -> None:
    edges = np.array([[0, 1], [0, 2], [1, 2]], np.int32)
    assert undirected(edges, 3) is edges
    assert undirected(edges[::-1], 3).tolist() == edges.tolist()
