"""The pool: sampled non-ties look to the encoder as injected fakes of their kind would."""

from __future__ import annotations

import numpy as np
import pytest

from graph_samples import community_edges
from recdiff.fakepool import DRAWN, FakePool, fake_pool, tie_folds, trusted_two_hops
from recdiff.nonties import Graph, adjacency, common_neighbours, pair_keys

USERS, FOLDS = 320, 5


def pooled(edges: np.ndarray, directed: bool, per_kind: int) -> FakePool:
    rng = np.random.default_rng(0)
    fold = tie_folds(edges, USERS, directed, FOLDS, rng)
    return fake_pool(Graph.of(edges, USERS, directed), edges, fold, FOLDS, per_kind, rng)


@pytest.mark.parametrize("directed", [False, True])
def test_no_sampled_pair_is_a_tie(directed: bool) -> None:
    edges = community_edges()
    pool = pooled(edges, directed, 1000)
    assert pool.observed == len(edges)
    assert (pool.label[: len(edges)] == 0).all()
    sampled = pair_keys(pool.pairs[len(edges) :], USERS, directed)
    assert not np.isin(sampled, pair_keys(edges, USERS, directed)).any()
    assert set(np.unique(pool.label)) == set(range(len(DRAWN) + 1))
    assert set(np.unique(pool.fold)) == set(range(FOLDS))


def test_ends_of_degree_pairs_have_lost_a_tie_of_their_fold() -> None:
    edges = community_edges()
    pool = pooled(edges, False, 1000)
    rewired = pool.label == 1 + DRAWN.index("degree")
    for (a, b), fold in zip(pool.pairs[rewired], pool.fold[rewired], strict=True):
        ends = edges[pool.fold[: len(edges)] == fold]
        assert a in ends
        assert b in ends


def test_degree_pairs_have_the_degrees_of_ties() -> None:
    edges = community_edges()
    pool = pooled(edges, False, 4000)
    degree = np.bincount(edges.ravel(), minlength=USERS)
    rewired = pool.pairs[pool.label == 1 + DRAWN.index("degree")]
    assert abs(degree[rewired].mean() / degree[edges].mean() - 1) < 0.12
    assert degree[pool.pairs[pool.label == 1 + DRAWN.index("uniform")]].mean() < 0.8 * degree[edges].mean()


def test_mutual_arcs_share_a_fold() -> None:
    edges = community_edges()
    both = np.concatenate([edges, edges[:, ::-1]])
    pool = pooled(both, True, 500)
    np.testing.assert_array_equal(pool.fold[: len(edges)], pool.fold[len(edges) : 2 * len(edges)])


def test_trusted_two_hops_go_along_trusted_ties_only() -> None:
    edges = community_edges()
    trusted = np.arange(len(edges)) % 2 == 0
    pairs = trusted_two_hops(edges, trusted, USERS, False, 500, np.random.default_rng(0))
    graph = adjacency(edges[trusted], USERS, False)
    assert common_neighbours(graph, graph, pairs).min() >= 1
    assert not np.isin(pair_keys(pairs, USERS, False), pair_keys(edges, USERS, False)).any()
