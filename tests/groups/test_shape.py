"""What tells a block of accounts that act together from a circle of friends."""

from __future__ import annotations

import numpy as np
import pytest

from recdiff.graph.social_graph import SocialGraph
from recdiff.groups import shape as shapes
from recdiff.groups.blocks import find_blocks
from recdiff.groups.shape import shape_of
from tests.accounts.towns import town


def test_shapes_count_what_they_say() -> None:
    clique = np.stack(np.triu_indices(4, 1), axis=1)
    edges = np.concatenate([clique, [[0, 4], [1, 4], [4, 5], [0, 5]]])
    shape = shape_of(np.array([0, 0, 0, 0, -1, -1]), SocialGraph(edges, len(np.array([0, 0, 0, 0, -1, -1])), False))
    assert shape.size.tolist() == [4]
    assert shape.inside.tolist() == [6]
    assert shape.density.tolist() == [1.0]
    assert shape.within[0] == pytest.approx(12 / 15)
    # Three edges leave: two to user 4, who has two edges into the block, one to user 5; a member has three.
    assert shape.fading[0] == pytest.approx((2 / 3 + 2 / 3 + 1 / 3) / 3)
    # User 0 and 4 meet in 5, 0 and 5 in 4; 1 and 4 meet only inside the block.
    assert shape.closed[0] == pytest.approx(2 / 3)


def test_rings_are_told_from_circles_of_friends() -> None:
    made = town(users=3000, rings=8, seed=4)
    block = find_blocks(SocialGraph(made.edges, len(made.ring), False))
    fake = np.bincount(block[block >= 0], (made.ring >= 0)[block >= 0]) / np.bincount(block[block >= 0]) > 0.5
    evidence = shape_of(block, SocialGraph(made.edges, len(block), False)).evidence()
    assert (~fake).sum() > 20
    assert evidence[fake].min() > evidence[~fake].max()


def test_a_ring_that_nobody_follows_back_is_more_suspicious() -> None:
    made = town(users=800, rings=1, seed=5)
    block = np.where(made.ring >= 0, 0, -1)
    inward = np.where((made.ring[made.edges[:, :1]] >= 0), made.edges[:, ::-1], made.edges)
    outward = np.where((made.ring[made.edges[:, :1]] >= 0), made.edges, made.edges[:, ::-1])
    values = [shape_of(block, SocialGraph(each, len(block), True)).evidence()[0] for each in (outward, inward)]
    assert values[0] > values[1] + 1.0


def test_no_blocks_have_no_shapes() -> None:
    shape = shape_of(np.full(3, -1), SocialGraph(np.array([[0, 1]]), len(np.full(3, -1)), True))
    assert shape.evidence().shape == (0,)


def test_a_chain_or_a_star_that_is_cut_off_says_nothing() -> None:
    chain = np.stack([np.arange(11), np.arange(1, 12)], axis=1)
    star = np.stack([np.full(11, 12), np.arange(13, 24)], axis=1)
    clique = np.stack(np.triu_indices(12, 1), axis=1) + 24
    block = np.repeat([0, 1, 2], 12)
    evidence = shape_of(block, SocialGraph(np.concatenate([chain, star, clique]), len(block), False)).evidence()
    assert evidence[0] <= 0.0
    assert evidence[1] <= 0.0
    assert evidence[2] > 5.0


def test_edges_that_leave_are_looked_at_in_any_number_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    made = town(users=600, seed=2)
    graph = SocialGraph(made.edges, len(made.ring), False)
    block = find_blocks(graph)
    whole = shape_of(block, graph)
    monkeypatch.setattr(shapes, "LEFT", 50)
    parts = shape_of(block, graph)
    assert len(whole.size) > 1
    assert np.array_equal(parts.fading, whole.fading)
    assert np.array_equal(parts.closed, whole.closed)
