"""Edges of accounts that look like those labelled fake."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp

from recdiff.arrays import Float64, Int64
from recdiff.graph.social_graph import SocialGraph
from recdiff.metrics.edges import auc
from recdiff.scorer.fit import fit_scorer
from recdiff.scorer.untaught.labelled import ACCOUNT, LabelledAccounts
from tests.graph_samples import community_edges
from tests.scorer.test_fit import CONFIG, USERS

FAKES = 60


def test_what_accounts_say_of_edges() -> None:
    edges = np.array([[0, 1], [1, 2], [2, 3], [3, 4]])
    labelled = LabelledAccounts.of(np.array([1, 0, 0, -1, -1]), None, 5)
    assert labelled is not None
    assert labelled.of_edges(edges).tolist() == [1, 0, -1, -1]


def test_where_nothing_is_known_nothing_is_labelled() -> None:
    assert LabelledAccounts.of(None, None, 5) is None
    assert LabelledAccounts.of(np.full(5, -1), None, 5) is None


def gang() -> tuple[SocialGraph, Int64]:
    """Return a graph whose first users are fakes, who know each other and befriend anybody; how many each edge has."""
    rng = np.random.default_rng(0)
    among = rng.integers(0, FAKES, (400, 2))
    abroad = np.stack([rng.integers(0, FAKES, 500), rng.integers(FAKES, USERS, 500)], axis=1)
    real = community_edges(USERS, 5000)
    real = real[(real >= FAKES).all(axis=1)]
    edges = np.sort(np.concatenate([real, among, abroad]), axis=1)
    edges = np.unique(edges[edges[:, 0] != edges[:, 1]], axis=0)
    return SocialGraph(edges, USERS, False), (edges < FAKES).sum(axis=1)


def judged(odds: Float64, ends: Int64) -> float:
    """Return the AUC of edges with one fake end against those with none."""
    return auc(ends[ends < 2] == 1, odds[ends < 2])


@pytest.mark.parametrize("real", [0, 15])
def test_labels_of_accounts_tell_their_edges_to_others(real: int) -> None:
    """Edges of labelled fakes are mostly to each other: learned from one by one, those to others were missed."""
    graph, ends = gang()
    rng = np.random.default_rng(1)
    known = np.full(USERS, -1)
    known[rng.choice(FAKES, 15, replace=False)] = 1
    known[FAKES + rng.choice(USERS - FAKES, real, replace=False)] = 0
    config = replace(CONFIG, rounds=1)
    blind, told = (fit_scorer(graph, None, config, seed=0, accounts=each) for each in (None, known))
    assert judged(told.edge_log_odds, ends) > max(0.9, judged(blind.edge_log_odds, ends))
    assert ACCOUNT in told.kinds
    assert ACCOUNT not in blind.kinds
    np.testing.assert_allclose(told.edge_kinds.sum(axis=1), told.edge_scores, atol=1e-5)
    # The table says it too: the runtime scores edges that nobody has seen by the same column.
    strangers = np.stack([rng.integers(FAKES, USERS, 200), rng.integers(FAKES, USERS, 200)], axis=1)
    named = np.stack([np.flatnonzero(known == 1)[rng.integers(0, 15, 200)], strangers[:, 1]], axis=1)
    low, high = (np.median(told.pair.score(told.table, each)[0]) for each in (strangers, named))
    assert high > low


def test_accounts_known_to_be_real_are_said_to_be() -> None:
    graph, _ = gang()
    known = np.full(USERS, -1)
    known[FAKES : FAKES + 10] = 0
    items = sp.csr_matrix((USERS, 0), dtype=np.float32)
    labelled = LabelledAccounts.of(known, items, USERS)
    assert labelled is not None
    column = labelled.column(graph, np.full(len(graph.edges), 0.1, np.float32), None)
    assert column.shape == (USERS, 1)
    assert (column[FAKES : FAKES + 10] >= 6.0).all()
