"""Non-ties are never ties, never repeat, and follow the law they promise."""

from __future__ import annotations

import numpy as np
import pytest

from recdiff.errors import DataError
from recdiff.fakes.drawing import Graph
from recdiff.graph.adjacency import adjacency
from recdiff.graph.pairs import common_neighbours, pair_keys
from recdiff.graph.social_graph import SocialGraph
from tests.graph_samples import community_edges

KINDS = ("uniform", "hub", "degree", "walk", "two-hop", "kept-path")


@pytest.mark.parametrize("directed", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_drawn_pairs_are_distinct_and_not_tied(kind: str, directed: bool) -> None:
    edges = community_edges()
    avoid = np.array([[0, 1], [2, 3]])
    pairs = Graph.of(SocialGraph(edges, 320, directed), avoid).draw(kind, 1000, np.random.default_rng(0))
    keys = pair_keys(pairs, 320, directed)
    assert len(np.unique(keys)) == 1000
    assert (pairs[:, 0] != pairs[:, 1]).all()
    taken = pair_keys(np.concatenate([edges, avoid]), 320, directed)
    assert not np.isin(keys, taken).any()


def test_two_hop_pairs_are_an_even_draw_among_those_at_distance_two() -> None:
    # The pair (0, 1) has three common neighbours, (5, 6) has one: both must be drawn equally often.
    edges = np.array([[0, 2], [1, 2], [0, 3], [1, 3], [0, 4], [1, 4], [5, 7], [6, 7]])
    graph = Graph.of(SocialGraph(edges, 8, False))
    rng = np.random.default_rng(0)
    drawn = np.concatenate([graph.draw("two-hop", 1, rng) for _ in range(1500)])
    keys, counts = np.unique(pair_keys(drawn, 8, False), return_counts=True)
    at_distance_two = {(0, 1), (2, 3), (2, 4), (3, 4), (5, 6)}
    assert {(int(key) // 8, int(key) % 8) for key in keys} == at_distance_two
    assert counts.max() < 1.35 * counts.min()


@pytest.mark.parametrize("directed", [False, True])
def test_kept_paths_run_along_the_edges_whose_ends_have_the_most_in_common(directed: bool) -> None:
    # Two cliques of five, and a chain from one to the other whose edges are in no triangle.
    clique = np.stack(np.triu_indices(5, 1), axis=1)
    chain = np.stack([np.arange(10, 28), np.arange(11, 29)], axis=1)
    edges = np.concatenate([clique, clique + 5, [[4, 10]], chain, [[28, 5]]])
    graph = Graph.of(SocialGraph(edges, 29, directed))
    kept = np.stack(graph.closer_half(np.random.default_rng(0)).out.nonzero(), axis=1)
    kept = kept[kept[:, 0] < kept[:, 1]]
    assert len(kept) == len(edges) // 2
    inside = (kept < 5).all(axis=1) | ((kept >= 5) & (kept < 10)).all(axis=1)
    assert inside.sum() == len(kept)
    assert not len(graph.draw_at_most("kept-path", 50, np.random.default_rng(0)))


def test_degree_pairs_follow_the_degrees() -> None:
    edges = community_edges()
    degree = np.bincount(edges.ravel(), minlength=320)
    pairs = Graph.of(SocialGraph(edges, 320, False)).draw("degree", 3000, np.random.default_rng(0))
    drawn = np.bincount(pairs.ravel(), minlength=320)
    assert np.corrcoef(degree, drawn)[0, 1] > 0.8
    even = Graph.of(SocialGraph(edges, 320, False)).draw("uniform", 3000, np.random.default_rng(0))
    assert abs(np.corrcoef(degree, np.bincount(even.ravel(), minlength=320))[0, 1]) < 0.5


def test_common_neighbours_match_the_dense_product() -> None:
    edges = community_edges()
    graph = adjacency(edges, 320, directed=True)
    weight = np.random.default_rng(0).random(320)
    pairs = np.random.default_rng(1).integers(0, 320, (500, 2))
    dense = graph.toarray().astype(np.float64)
    expected = (dense * weight) @ dense
    found = common_neighbours(graph, graph.T.tocsr(), pairs, weight)
    np.testing.assert_allclose(found, expected[pairs[:, 0], pairs[:, 1]], rtol=1e-5)


def test_a_graph_without_room_says_so() -> None:
    triangle = np.array([[0, 1], [1, 2], [0, 2]])
    with pytest.raises(DataError, match="cannot draw 2 distinct uniform pairs that are no edges: found only 0"):
        Graph.of(SocialGraph(triangle, 3, False)).draw("uniform", 2, np.random.default_rng(0))
    with pytest.raises(DataError, match="cannot draw 1 distinct two-hop pairs"):
        Graph.of(SocialGraph(np.array([[0, 1]]), 4, True)).draw("two-hop", 1, np.random.default_rng(0))
