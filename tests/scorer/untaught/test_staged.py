"""Groups that one hand made: found without interactions, and not where groups grew."""

from __future__ import annotations

import numpy as np
import pytest

from recdiff.arrays import Int64
from recdiff.config.scorer import ScorerConfig
from recdiff.graph.social_graph import SocialGraph
from recdiff.metrics.edges import auc
from recdiff.sample.society import make_society
from recdiff.scorer.fit import fit_scorer
from recdiff.scorer.untaught.staged import LEAST, STAGED, SUREST, Staged
from tests.benchmarks.rings import plant_farm

USERS = 800


@pytest.fixture(scope="module")
def friends() -> Int64:
    return make_society(USERS, np.random.default_rng(0)).edges


def test_groups_of_friends_are_not_made(friends: Int64) -> None:
    assert Staged.of(SocialGraph(friends, USERS, False)).chance(friends).max() < 0.05


@pytest.mark.parametrize("share", [0.05, 0.2])
def test_edges_of_a_farm_come_first_though_nobody_uses_anything(friends: Int64, share: float) -> None:
    made = plant_farm(friends, USERS, share, np.random.default_rng(1))
    fake = (made.ring[made.edges] >= 0).any(axis=1)
    scorer = fit_scorer(SocialGraph(made.edges, len(made.ring), False), None, ScorerConfig(divisions=1), seed=0)
    assert auc(fake, scorer.edge_log_odds) > 0.99
    assert fake[np.argsort(-scorer.edge_log_odds)[:100]].mean() > 0.95
    assert scorer.interval[0] <= share <= scorer.interval[1]
    assert scorer.shares[STAGED] == pytest.approx(share, rel=0.35, abs=0.02)
    low, high = scorer.interval
    assert low <= share <= high
    likeliest = scorer.edge_kinds[fake].argmax(axis=1)
    assert (likeliest == scorer.kinds.index(STAGED)).mean() > 0.5
    new = np.flatnonzero(made.ring >= 0)[:2]
    others = np.flatnonzero(made.ring < 0)[:2]
    scores, _ = scorer.score(np.concatenate([np.stack([new, others], axis=1), made.edges[~fake][:200]]))
    assert scores[:2].min() > 0.5 > np.quantile(scores[2:], 0.95)


def test_a_share_is_drawn_group_by_group() -> None:
    """Two groups of two users each, of which one is as likely made as not."""
    staged = Staged(np.array([0.0, 0.0, LEAST, LEAST, SUREST]), np.array([0, 0, -1, -1, 1]))
    edges = np.array([[0, 1], [0, 2], [2, 3], [2, 3], [2, 3]])
    drawn = staged.share(edges, np.array([1.0, 1.0, 1.0, 1.0, 1.0]), 4000, np.random.default_rng(0))
    assert set(np.round(drawn, 6)) == {0.0, 0.4}
    assert drawn.mean() == pytest.approx(0.2, abs=0.02)
