"""The level of account scores: sparse farms do not hide in large groups, and fakes between real users are no farm."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
import scipy.sparse as sp

from recdiff.accounts.scores import SUSPICIOUS, Evidence, judge_accounts, most_fake, surely_real
from recdiff.accounts.tables import group_table, why_grouped
from recdiff.data.ids import Ids
from recdiff.fakes.injection import corrupt
from recdiff.graph.social_graph import SocialGraph
from recdiff.metrics.edges import auc
from recdiff.sample.society import make_society

USERS, SHARE = 800, 0.2


def spoiled(kind: str, seed: int, idle: float = 0.0) -> tuple[Evidence, np.ndarray]:
    """Return a society with fake edges of one kind, edge scores that know most of them, and who is fake.

    Fake accounts use nothing, and neither does a share ``idle`` of the real ones.
    """
    rng = np.random.default_rng(seed)
    ties = make_society(USERS, rng).edges
    made = corrupt(SocialGraph(ties, USERS, False), kind=kind, share=SHARE, mode="replace", rng=rng)
    fake = np.arange(made.num_users) >= USERS
    used = rng.random((len(fake), 60)) < 0.1
    used[:, 0] |= ~used.any(axis=1)
    used[fake | (rng.random(len(fake)) < idle)] = False
    count = len(made.edges)
    scores = np.where(made.is_fake, rng.uniform(0.35, 0.75, count), rng.uniform(0.0, 0.3, count)).astype(np.float32)
    items = sp.csr_matrix(used.astype(np.float32))
    return Evidence(SocialGraph(made.edges, len(fake), False), scores, items), fake


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_sparse_farm_is_counted_whether_or_not_it_forms_one_large_group(seed: int) -> None:
    given, fake = spoiled("farm", seed)
    found = judge_accounts(given)
    assert found.score.mean() == pytest.approx(fake.mean(), rel=0.25)
    assert auc(fake, found.log_odds) > 0.999
    assert most_fake(found, given, 1.25 * SHARE) >= fake.mean()


def test_the_large_groups_of_a_sparse_farm_say_nothing_by_their_shape() -> None:
    given, fake = spoiled("farm", 1)
    found = judge_accounts(given)
    groups, there = found.groups, found.groups.member[fake]
    assert (there >= 0).mean() > 0.5
    largest = int(np.bincount(there[there >= 0]).argmax())
    assert groups.evidence[largest] < SUSPICIOUS
    assert why_grouped(groups, largest) == "in a group as friends form it"
    table = group_table(found, given, Ids(pa.array(np.arange(len(fake)))))
    assert "what its members do, each or together" in table["reasons"].to_pylist()


@pytest.mark.parametrize("kind", ["uniform", "two-hop"])
@pytest.mark.parametrize("idle", [0.0, 0.3])
def test_fake_edges_between_real_users_make_no_fake_accounts(kind: str, idle: float) -> None:
    given, fake = spoiled(kind, 3, idle)
    assert not fake.any()
    assert judge_accounts(given).score.mean() < 0.02


def test_of_doubtful_accounts_little_is_heard() -> None:
    real = surely_real(np.array([0.0, 0.1, 0.5, 0.9, 1.0]))
    np.testing.assert_allclose(real, [1.0, 0.81 / 0.82, 0.5, 0.01 / 0.82, 0.0])
