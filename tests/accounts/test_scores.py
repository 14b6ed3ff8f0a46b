"""Account scores: planted accounts come first, real communities do not, and parts add up."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import scipy.sparse as sp
from scipy.special import expit

from recdiff.accounts.scores import PRIOR, Evidence, group_scores, judge_accounts, most_fake
from recdiff.accounts.tables import account_table, group_table
from recdiff.data.ids import Ids
from recdiff.graph.social_graph import SocialGraph
from recdiff.metrics.edges import auc
from tests.accounts.towns import town


def evidence(seed: int, rings: int = 10, users: int = 4000) -> tuple[Evidence, np.ndarray]:
    """Return a town without interactions whose edge scores know nothing, and each account's ring."""
    made = town(users=users, rings=rings, seed=seed)
    scores = np.random.default_rng(seed).uniform(0.0, 0.1, len(made.edges)).astype(np.float32)
    return Evidence(
        SocialGraph(made.edges, len(made.ring), False), scores, sp.csr_matrix((len(made.ring), 0), dtype=np.float32)
    ), made.ring


def test_rings_without_interactions_are_found_though_edge_scores_know_nothing() -> None:
    given, ring = evidence(1)
    found = judge_accounts(given)
    assert auc(ring >= 0, found.log_odds) > 0.98
    assert found.score[ring < 0].mean() < 0.05
    users = Ids(pa.array(np.arange(len(ring))))
    first = [json.loads(text) for text in group_table(found, given, users)["members"].to_pylist()[:20]]
    hit = {int(np.bincount(ring[members] + 1).argmax()) - 1 for members in first}
    assert len(hit - {-1}) >= 9


def test_real_communities_are_not_flagged() -> None:
    given, ring = evidence(2, rings=0)
    assert (ring < 0).all()
    found = judge_accounts(given)
    assert (group_scores(found) > 0.5).sum() <= 1
    assert found.score.mean() < 0.03


def test_as_many_accounts_may_be_fake_as_touch_the_fake_edges() -> None:
    # 30 real accounts in a circle; 10 others, each tied to two of them by edges that are surely fake.
    real = [(one, (one + step) % 30) for one in range(30) for step in (1, 2)]
    fake = [(30 + one, (3 * one + step) % 30) for one in range(10) for step in (0, 5)]
    scores = np.array([0.0] * len(real) + [1.0] * len(fake), np.float32)
    given = Evidence(SocialGraph(np.array(real + fake), 40, False), scores, sp.csr_matrix((40, 0), dtype=np.float32))
    timid = replace(judge_accounts(given), log_odds=np.where(np.arange(40) < 30, -9.0, -4.0))
    assert timid.score.mean() < 0.01
    assert most_fake(timid, given, 0.25) == 10 / 40
    assert most_fake(timid, given, 0.1) < most_fake(timid, given, 0.25) < most_fake(timid, given, 0.5)
    bold = replace(timid, log_odds=np.zeros(40))
    assert most_fake(bold, given, 0.25) == 0.5
    assert most_fake(timid, given, 0.0) == timid.score.mean()


def test_parts_add_up_to_the_log_odds() -> None:
    given, _ = evidence(3, rings=2, users=1000)
    found = judge_accounts(given)
    np.testing.assert_allclose(PRIOR + sum(found.parts.values()), found.log_odds)
    np.testing.assert_allclose(expit(found.log_odds), found.score)


def test_the_same_evidence_gives_the_same_tables_in_any_order_of_edges() -> None:
    given, ring = evidence(4, rings=2, users=1000)
    order = np.random.default_rng(0).permutation(len(given.edges))
    turned = Evidence(SocialGraph(given.edges[order], len(ring), False), given.scores[order], given.items)
    users = Ids(pa.array(np.arange(len(ring))))
    for make in (account_table, group_table):
        one, other = (make(judge_accounts(each), each, users) for each in (given, turned))
        assert one["reasons"].equals(other["reasons"])
        assert one.column(0).equals(other.column(0))
        assert one.select([0, 2]).equals(other.select([0, 2]))


def test_tables_say_who_why_and_with_whom() -> None:
    given, ring = evidence(5, rings=3, users=1500)
    found = judge_accounts(given)
    users = Ids(pa.array([f"user-{number}" for number in range(len(ring))]))
    accounts, groups = account_table(found, given, users), group_table(found, given, users)
    assert accounts.column_names == [
        "user_id", "account_score", "edges", "expected_fake_edges", "group", "reasons",
    ]  # fmt: skip
    score = accounts["account_score"].to_numpy()
    assert (np.diff(score) <= 0).all()
    assert sorted(accounts["user_id"].to_pylist()) == sorted(users.values.to_pylist())
    first = accounts.slice(0, 1).to_pylist()[0]
    assert "in a dense group cut off" in first["reasons"]
    members = json.loads(groups["members"][first["group"] - 1].as_py())
    assert first["user_id"] in members
    assert len(members) == groups["size"][first["group"] - 1].as_py()
    assert (accounts["expected_fake_edges"].to_numpy() <= accounts["edges"].to_numpy() + 1e-9).all()


def test_an_account_without_edges_has_a_score_too() -> None:
    given, ring = evidence(6, rings=1, users=500)
    lonely = Evidence(
        SocialGraph(given.edges, len(ring) + 1, False),
        given.scores,
        sp.csr_matrix((len(ring) + 1, 0), dtype=np.float32),
    )
    score = judge_accounts(lonely).score[-1]
    assert 0.0 < score < 0.1
