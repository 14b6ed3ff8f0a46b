"""Accounts: their columns by hand, planted ties by shape, and the merged network against its two parts."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

from recdiff.config.scorer import TableConfig
from recdiff.fakes.drawing import Graph
from recdiff.fakes.injection import draw_from
from recdiff.fakes.kinds import planted
from recdiff.graph.folded import FoldedGraph, Sides
from recdiff.graph.social_graph import SocialGraph
from recdiff.scorer import accounts
from recdiff.scorer.accounts import (
    FEW_ITEMS,
    USING_LITTLE,
    account_columns,
    account_table,
    account_terms,
    deepened,
    merged,
    plant,
)
from recdiff.scorer.pair_scorer import forward, pair_features
from recdiff.scorer.table import Starts, Tastes, encode, join, pair_terms, spans
from tests.graph_samples import community_edges, community_items

USERS = 320


def whole(edges: np.ndarray, users: int = USERS, directed: bool = False) -> Sides:
    return FoldedGraph.of(SocialGraph(edges, users, directed), np.zeros(len(edges), np.int64)).without(1)


def test_columns_by_hand() -> None:
    graph = whole(np.array([[0, 1], [0, 2], [0, 3], [1, 2]]), 4).both
    items = np.log1p(np.array([5.0, 1.0, 0.0, 2.0]))
    tastes = {"items": torch.as_tensor(items[:, None].astype(np.float32)), "taste": torch.eye(4, 3)}
    found = {name: each.numpy() for name, each in account_columns([graph], tastes).items()}
    assert found["quiet"][3, 0] == pytest.approx(items[0], rel=1e-6)
    assert found["quiet"][0, 0] == pytest.approx(items[1:].mean(), rel=1e-6)
    assert found["agree"][0, 0] == 0.0
    assert account_columns([graph], {}) == {}


@pytest.mark.parametrize("directed", [False, True])
def test_features_of_planted_ties_are_those_of_the_full_table(directed: bool) -> None:
    edges, rng = community_edges(), np.random.default_rng(0)
    tastes = Tastes.of(community_items(), USERS, TableConfig(), rng).columns
    graph = whole(edges, USERS, directed)
    encoding = encode(graph, TableConfig(), Starts.of(USERS, directed, TableConfig(), rng, "cpu"))
    columns = encoding.columns | account_columns([graph.both], tastes) | tastes
    at = spans(columns)
    full = pair_features(join(columns).numpy(), edges[:50], pair_terms(at, directed, TableConfig()) + account_terms(at))
    table, terms = account_table(columns)
    np.testing.assert_array_equal(full[:, -len(terms) :], pair_features(table, edges[:50], terms))


def test_users_without_friends_are_usual() -> None:
    tastes = Tastes.of(community_items(), USERS, TableConfig(), np.random.default_rng(0)).columns
    graph = whole(community_edges()[:200]).both
    friendless = np.diff(graph.crow_indices().numpy()) == 0
    assert friendless.any()
    for name in ("quiet", "agree"):
        column = account_columns([graph], tastes)[name][:, 0].numpy()
        np.testing.assert_allclose(column[friendless], column[~friendless].mean(), rtol=1e-5)


def test_users_lack_what_others_of_their_degree_use() -> None:
    items = torch.tensor([2.0, 2.0, 2.0, 0.0, 5.0, 5.0])
    lack = accounts._lack(items, torch.tensor([8.0, 8.0, 8.0, 8.0, 100.0, 100.0], dtype=torch.float64))
    assert lack[3] < -1.0
    assert lack[3] == lack.min()
    assert abs(lack[4]) < 1.0


def test_rings_are_of_many_sizes_and_densities() -> None:
    graph, rng = Graph.of(SocialGraph(community_edges(), USERS, False)), np.random.default_rng(0)
    found = [draw_from(graph, "ring", 200, rng) for _ in range(50)]
    sizes = [size for _, size in found]
    within = [float((pairs >= USERS).all(axis=1).mean()) for pairs, _ in found]
    assert min(sizes) < 20 < 50 < max(sizes)
    assert min(within) < 0.2 < 0.6 < max(within)
    for pairs, size in found:
        assert len(pairs) <= 200
        assert pairs.max() < USERS + size
        assert len(np.unique(np.sort(pairs, axis=1), axis=0)) == len(pairs)


def test_planted_ties_are_labelled_and_in_folds() -> None:
    edges, rng = community_edges(), np.random.default_rng(0)
    fold = np.arange(len(edges)) % 4
    tastes = Tastes.of(community_items(), USERS, TableConfig(), rng)
    count = round(0.05 * len(edges))
    graph = SocialGraph(edges, USERS, False)
    found = plant(
        Graph.of(graph), FoldedGraph.of(graph, fold), (edges, fold), community_items(), tastes, count=count, rng=rng
    )
    assert (np.abs(np.bincount(found.label)[1:] - count) <= 8).all()
    assert set(found.fold) == {0, 1, 2, 3}
    assert found.kinds == planted()
    items = np.expm1(found.features[:, 0])
    active = np.isin(found.label, [1 + planted().index(name) for name in USING_LITTLE])
    assert (items[~active] == 0.0).all()
    assert (items[active] > 0.5).any()
    assert items.max() <= FEW_ITEMS + 1e-2


def test_the_merged_network_computes_both() -> None:
    rng = np.random.default_rng(0)

    def layers(*widths: int) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
        return tuple(
            (rng.standard_normal((stop, start)).astype(np.float32), rng.standard_normal(stop).astype(np.float32))
            for start, stop in pairwise(widths)
        )

    ties, accounts = layers(9, 8, 6, 4), layers(3, 5, 4, 3)
    x = rng.standard_normal((20, 9)).astype(np.float32)
    columns = np.array([1, 4, 7])
    whole = merged(ties, accounts, columns)
    both, first, second = forward(whole, x), forward(ties, x), forward(accounts, x[:, columns])
    np.testing.assert_allclose(both[:, :4], first, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(both[:, 4:] - both[:, :1], second[:, 1:] - second[:, :1], rtol=1e-3, atol=1e-3)
    with pytest.raises(ValueError, match="as many layers"):
        merged(ties, layers(3, 5, 3), columns)
    linear = layers(9, 4)
    whole = merged(linear, accounts, columns)
    np.testing.assert_allclose(forward(whole, x)[:, :4], forward(linear, x), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(forward(deepened(linear[0], 3), x), forward(linear, x), rtol=1e-4, atol=1e-4)
