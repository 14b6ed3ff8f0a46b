"""A few account labels: they change the order where they say more, and nothing where they do not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import scipy.sparse as sp

from recdiff.accounts.scores import Evidence, agreement, judge_accounts
from recdiff.graph.social_graph import SocialGraph
from recdiff.metrics.edges import auc
from recdiff.sample.society import make_society
from tests.accounts.towns import town

USERS, FAKES = 1500, 150


def spammers(seed: int = 0) -> tuple[Evidence, np.ndarray]:
    """Return accounts whom no group and no edge score gives away: each follows ten users and uses one odd item."""
    rng = np.random.default_rng(seed)
    ties = make_society(USERS, rng).edges
    spam = np.stack([np.repeat(np.arange(USERS, USERS + FAKES), 10), rng.integers(0, USERS, 10 * FAKES)], axis=1)
    edges = np.unique(np.concatenate([ties, spam]), axis=0)
    users = USERS + FAKES
    used = rng.random((users, 40)) < np.where(np.arange(40) < 5, 0.02, 0.15)
    used[USERS:, :5] |= rng.random((FAKES, 5)) < 0.5
    scores = rng.uniform(0.0, 0.1, len(edges)).astype(np.float32)
    items = sp.csr_matrix(used.astype(np.float32))
    return Evidence(SocialGraph(edges, users, False), scores, items), np.arange(users) >= USERS


def drawn(fake: np.ndarray, fakes: int, real: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    known = np.full(len(fake), -1)
    known[rng.choice(np.flatnonzero(fake), fakes, replace=False)] = 1
    known[rng.choice(np.flatnonzero(~fake), real, replace=False)] = 0
    return known


def rest_auc(given: Evidence, fake: np.ndarray, known: np.ndarray) -> tuple[float, float]:
    """Return the AUC on accounts without a label, blind and taught."""
    rest = known < 0
    blind, taught = (judge_accounts(each).log_odds for each in (given, replace(given, known=known)))
    return auc(fake[rest], blind[rest]), auc(fake[rest], taught[rest])


def test_fifty_labels_find_a_kind_that_nothing_else_gives_away() -> None:
    given, fake = spammers()
    blind, taught = rest_auc(given, fake, drawn(fake, 25, 25))
    assert blind < 0.75
    assert taught > blind + 0.1


def test_labels_of_fakes_alone_will_do() -> None:
    given, fake = spammers()
    blind, taught = rest_auc(given, fake, drawn(fake, 50, 0))
    assert taught > blind + 0.1


def test_labelled_accounts_have_the_score_that_their_label_says() -> None:
    given, fake = spammers()
    for known in (drawn(fake, 20, 20), drawn(fake, 1, 0), drawn(fake, 2, 1)):
        score = judge_accounts(replace(given, known=known)).score
        assert (score[known == 1] > 0.99).all()
        assert (score[known == 0] < 0.01).all()


def test_labels_change_the_order_and_not_how_many_are_expected_to_be_fake() -> None:
    """Labels are rarely drawn at random: forty of fifty fake say nothing of the share of fakes."""
    given, fake = spammers()
    known = drawn(fake, 40, 10)
    blind, taught = (judge_accounts(each).score for each in (given, replace(given, known=known)))
    assert abs(taught[known < 0].sum() - blind[known < 0].sum()) < 0.3 * blind.sum()


def test_few_labels_change_nothing_but_their_own_accounts() -> None:
    given, fake = spammers()
    known = drawn(fake, 3, 3)
    blind, taught = (judge_accounts(each).log_odds for each in (given, replace(given, known=known)))
    assert (blind[known < 0] == taught[known < 0]).all()


def test_labels_the_wrong_way_round_are_noticed() -> None:
    made = town(users=1000, rings=3, seed=1)
    scores = np.full(len(made.edges), 0.05, np.float32)
    found = judge_accounts(
        Evidence(SocialGraph(made.edges, len(made.ring), False), scores, sp.csr_matrix((len(made.ring), 0)))
    )
    known = drawn(made.ring >= 0, 10, 40)
    assert agreement(found, known) > 0.9
    assert agreement(found, np.where(known >= 0, 1 - known, -1)) < 0.1
    assert agreement(found, np.full(len(known), -1)) is None


def test_what_labels_add_is_a_part_and_the_same_twice() -> None:
    given, fake = spammers()
    given = replace(given, known=drawn(fake, 25, 0))
    one, other = judge_accounts(given), judge_accounts(given)
    assert "labels" in one.parts
    assert (one.log_odds == other.log_odds).all()
