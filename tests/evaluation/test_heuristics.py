"""Heuristics against counts by hand; a tie is no evidence for itself."""

from __future__ import annotations

import numpy as np
import pytest

from recdiff.evaluation.heuristics import HEURISTICS, heuristic_scores, neighbourhood_scores
from recdiff.fakes.injection import corrupt
from recdiff.graph.social_graph import SocialGraph
from recdiff.metrics.edges import edge_metrics
from tests.graph_samples import community_edges, community_items


def test_counts_match_sets() -> None:
    edges = community_edges(users=60, ties=300)
    friends = [set() for _ in range(60)]
    for a, b in edges:
        friends[a].add(int(b))
        friends[b].add(int(a))
    found = neighbourhood_scores(SocialGraph(edges, 60, False))
    for row, (a, b) in enumerate(edges):
        left, right = friends[a] - {int(b)}, friends[b] - {int(a)}
        common = left & right
        assert found["common_neighbours"][row] == len(common)
        assert found["degree_sum"][row] == len(left) + len(right)
        assert found["preferential_attachment"][row] == len(left) * len(right)
        assert found["jaccard"][row] == pytest.approx(len(common) / max(len(left | right), 1))
        assert found["adamic_adar"][row] == pytest.approx(sum(1 / np.log(len(friends[m])) for m in common), rel=1e-5)
        assert found["resource_allocation"][row] == pytest.approx(sum(1 / len(friends[m]) for m in common), rel=1e-5)


def test_each_finds_uniform_fakes_among_communities() -> None:
    made = corrupt(
        SocialGraph(community_edges(), 320, False),
        kind="uniform",
        share=0.2,
        mode="replace",
        rng=np.random.default_rng(0),
    )
    found = heuristic_scores(SocialGraph(made.edges, 320, False), community_items(), np.random.default_rng(0))
    assert tuple(found) == HEURISTICS
    for name, score in found.items():
        assert edge_metrics(made.is_fake, -score, probability=False).auc > 0.6, name


def test_no_interactions_give_no_shared_items() -> None:
    edges = community_edges()
    found = heuristic_scores(SocialGraph(edges, 320, True), None, np.random.default_rng(0))
    assert "shared_items" not in found
    assert all(len(score) == len(edges) and np.isfinite(score).all() for score in found.values())


def test_a_direction_counts_out_of_the_source_and_into_the_target() -> None:
    found = neighbourhood_scores(SocialGraph(np.array([[0, 1], [0, 2], [3, 1], [4, 1]]), 5, True))
    assert found["degree_sum"].tolist() == [1 + 2, 1 + 0, 0 + 2, 0 + 2]
