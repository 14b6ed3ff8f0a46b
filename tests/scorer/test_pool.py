"""The pool: sampled non-ties look to the encoder as injected fakes of their kind would."""

from __future__ import annotations

import numpy as np
import pytest

from recdiff.fakes.drawing import Graph
from recdiff.fakes.kinds import sampled
from recdiff.graph.pairs import pair_keys
from recdiff.graph.social_graph import SocialGraph
from recdiff.scorer.pool import FakePool, edge_folds, fake_pool
from tests.graph_samples import community_edges

USERS, FOLDS = 320, 5


def pooled(edges: np.ndarray, directed: bool, per_kind: int) -> FakePool:
    rng = np.random.default_rng(0)
    graph = SocialGraph(edges, USERS, directed)
    fold = edge_folds(graph, FOLDS, rng)
    return fake_pool(Graph.of(graph), graph, edge_fold=fold, folds=FOLDS, per_kind=per_kind, rng=rng)


@pytest.mark.parametrize("directed", [False, True])
def test_no_sampled_pair_is_a_tie(directed: bool) -> None:
    edges = community_edges()
    pool = pooled(edges, directed, 1000)
    assert pool.observed == len(edges)
    assert (pool.label[: len(edges)] == 0).all()
    drawn = pair_keys(pool.pairs[len(edges) :], USERS, directed)
    assert not np.isin(drawn, pair_keys(edges, USERS, directed)).any()
    assert set(np.unique(pool.label)) == set(range(len(pool.kinds) + 1))
    assert pool.kinds == sampled()
    assert set(np.unique(pool.fold)) == set(range(FOLDS))


def test_ends_of_degree_pairs_have_lost_a_tie_of_their_fold() -> None:
    edges = community_edges()
    pool = pooled(edges, False, 1000)
    rewired = pool.label == 1 + pool.kinds.index("degree")
    for (a, b), fold in zip(pool.pairs[rewired], pool.fold[rewired], strict=True):
        ends = edges[pool.fold[: len(edges)] == fold]
        assert a in ends
        assert b in ends


def test_degree_pairs_have_the_degrees_of_ties() -> None:
    edges = community_edges()
    pool = pooled(edges, False, 4000)
    degree = np.bincount(edges.ravel(), minlength=USERS)
    rewired = pool.pairs[pool.label == 1 + pool.kinds.index("degree")]
    assert abs(degree[rewired].mean() / degree[edges].mean() - 1) < 0.12
    assert degree[pool.pairs[pool.label == 1 + pool.kinds.index("uniform")]].mean() < 0.8 * degree[edges].mean()


def test_mutual_arcs_share_a_fold() -> None:
    edges = community_edges()
    both = np.concatenate([edges, edges[:, ::-1]])
    pool = pooled(both, True, 500)
    np.testing.assert_array_equal(pool.fold[: len(edges)], pool.fold[len(edges) : 2 * len(edges)])


def test_a_kind_that_the_graph_has_no_room_for_is_left_out() -> None:
    def kinds_of(graph: SocialGraph) -> tuple[str, ...]:
        fold, rng = np.arange(len(graph.edges)) % FOLDS, np.random.default_rng(0)
        return fake_pool(Graph.of(graph), graph, edge_fold=fold, folds=FOLDS, per_kind=100, rng=rng).kinds

    star = np.stack([np.zeros(60, np.int64), np.arange(1, 61)], axis=1)
    assert "two-hop" in kinds_of(SocialGraph(star, 61, False))
    clique = np.stack(np.triu_indices(12, 1), axis=1).astype(np.int64)
    assert kinds_of(SocialGraph(clique, 12, False)) == ()
