"""Accounts: their columns by hand, planted ties by shape, and the merged network against its two parts."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from graph_samples import community_edges, community_items
from recdiff.accounts import ACCOUNT_COLUMNS, account_columns, account_features, account_table, merged, plant
from recdiff.graph import social_adjacency
from recdiff.pairs import forward, pair_features
from recdiff.scorer_config import TableConfig
from recdiff.usertable import encode, join, pair_terms, spans, taste_columns

USERS = 320


def test_columns_by_hand() -> None:
    graph = social_adjacency(np.array([[0, 1], [0, 2], [0, 3], [1, 2]]), 4, directed=False)
    items = np.log1p(np.array([5.0, 1.0, 0.0, 2.0]))
    taste = np.eye(4, 3, dtype=np.float32)
    found = account_columns(graph, False, {"items": items[:, None].astype(np.float32), "taste": taste})
    reach = np.log1p([3, 2, 2, 1])
    np.testing.assert_allclose(found["reach"][:, 0], reach, rtol=1e-6)
    assert found["quiet"][3, 0] == pytest.approx(items[0], rel=1e-6)
    assert found["agree"][0, 0] == 0.0


@pytest.mark.parametrize("directed", [False, True])
def test_features_of_planted_ties_are_those_of_the_full_table(directed: bool) -> None:
    edges, rng = community_edges(), np.random.default_rng(0)
    tastes = taste_columns(community_items(), USERS, TableConfig(), rng)
    graph = social_adjacency(edges, USERS, directed)
    encoding = encode(graph, directed, TableConfig(), rng)
    columns = encoding.columns | account_columns(graph, directed, tastes) | tastes
    terms = pair_terms(spans(columns), directed, TableConfig())
    full = pair_features(join(columns), edges[:50], terms)
    alone = pair_features(account_table(columns, directed)[0], edges[:50], account_table(columns, directed)[1])
    np.testing.assert_array_equal(full[:, account_features(spans(columns), terms)], alone)
    assert alone.shape[1] == 2 * len([name for name in columns if name in ACCOUNT_COLUMNS])


def test_planted_ties_are_labelled_and_in_folds() -> None:
    edges = community_edges()
    fold = np.arange(len(edges)) % 4
    found = plant(edges, fold, USERS, False, {}, 0.05, 4, np.random.default_rng(0))
    count = 0.05 * len(edges)
    assert (np.abs(np.bincount(found.label)[1:] - count) <= 8).all()
    assert set(found.fold) == {0, 1, 2, 3}
    assert np.isfinite(found.features).all()


def test_the_merged_network_computes_both() -> None:
    rng = np.random.default_rng(0)

    def layers(*widths: int) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
        return tuple(
            (rng.standard_normal((stop, start)).astype(np.float32), rng.standard_normal(stop).astype(np.float32))
            for start, stop in pairwise(widths)
        )

    ties, accounts, seen = layers(9, 8, 6, 4), layers(3, 5, 4, 3), np.array([1, 4, 7])
    x = rng.standard_normal((20, 9)).astype(np.float32)
    both, first, second = forward(merged(ties, accounts, seen), x), forward(ties, x), forward(accounts, x[:, seen])
    np.testing.assert_allclose(both[:, :4], first, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(both[:, 4:] - both[:, :1], second[:, 1:] - second[:, :1], rtol=1e-3, atol=1e-3)
    with pytest.raises(ValueError, match="as many layers"):
        merged(ties, layers(3, 5, 3), seen)
