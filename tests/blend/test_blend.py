"""A blend standardises per user, weighs, and is chosen only where it is better than chance."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from recdiff.blend import choice
from recdiff.blend.blend import Blend, counts
from recdiff.blend.choice import choose
from recdiff.blend.mixing import standardised
from recdiff.blend.names import EASE, OURS, POPULARITY, WALKS
from recdiff.metrics.ranking import rank

USERS, ITEMS, GROUPS = 240, 40, 4
MIXED = {OURS: 0.4, WALKS: 0.3, EASE: 0.3}
SETTINGS = {WALKS: {"alpha": 0.6, "beta": 0.2}, EASE: {"ridge": 30.0}}


def town(seed: int = 0) -> tuple[sp.csr_matrix, sp.csr_matrix]:
    """Return training and validation interactions of users who like the items of their own group."""
    rng = np.random.default_rng(seed)
    alike = np.arange(USERS)[:, None] % GROUPS == np.arange(ITEMS) % GROUPS
    likes = alike & (rng.random((USERS, ITEMS)) < 0.6)
    held = likes & (rng.random(likes.shape) < 0.3)
    held[:10] = False  # users without held-out items
    train, validation = (sp.csr_matrix(part.astype(np.float32)) for part in (likes & ~held, held))
    return train, validation


def own_scores(users: np.ndarray) -> np.ndarray:
    rng = np.random.default_rng(7)
    return rng.standard_normal((USERS, ITEMS)).astype(np.float32)[users]


def judged(validation: sp.csr_matrix) -> np.ndarray:
    return np.flatnonzero(np.diff(validation.indptr))


def test_standardised_rows_have_mean_zero_and_deviation_one() -> None:
    scores = np.array([[1, 2, 3, 6], [5, 5, 5, 5]], np.float32)
    rows = standardised(scores.copy())
    np.testing.assert_allclose(rows[0], (scores[0] - 3) / scores[0].std(), rtol=1e-6)
    assert rows[1].tolist() == [0, 0, 0, 0]


def test_scores_are_the_weighed_sum() -> None:
    train, _ = town()
    blend = Blend(MIXED, SETTINGS).refitted(train)
    users = np.arange(5)
    parts = {OURS: own_scores(users), **{name: blend.tables[name].score(train[users]) for name in (WALKS, EASE)}}
    wanted = sum(weight * standardised(parts[name].copy()) for name, weight in MIXED.items())
    np.testing.assert_allclose(blend.over(own_scores, train)(users), wanted, rtol=1e-5, atol=1e-6)


def test_who_says_nothing_of_a_user_leaves_it_to_the_recommender() -> None:
    train, _ = town()
    blend = Blend({WALKS: 1.0}, {WALKS: SETTINGS[WALKS]}).refitted(train)
    own, nothing = own_scores(np.array([3])), sp.csr_matrix((1, ITEMS), dtype=np.float32)
    np.testing.assert_allclose(blend.scores(own.copy(), nothing), standardised(own.copy()), rtol=1e-6)
    assert blend.heard({OURS: True, WALKS: False}) == {OURS: 1.0}
    assert blend.heard({OURS: True, WALKS: True}) == {WALKS: 1.0}


def test_written_down_and_read_it_is_the_same() -> None:
    train, _ = town()
    blend = Blend({**MIXED, POPULARITY: 0.1}, SETTINGS, popularity=counts(train)).refitted(train)
    again = Blend.of_parts(blend.plain(), blend.to_arrays())
    users = np.arange(20)
    assert np.array_equal(again.over(own_scores, train)(users), blend.over(own_scores, train)(users))
    assert again.plain() == blend.plain()


def test_a_better_member_is_chosen_and_its_figures_are_said() -> None:
    train, validation = town()
    found = choose(own_scores, train, validation, judged(validation))
    assert found.blend is not None
    facts = found.facts
    assert set(facts["members"]) == {OURS, WALKS, EASE, POPULARITY}
    assert facts["gain"] > facts["standard_error"] > 0
    assert facts["users"] == len(judged(validation))
    weights = {name: each["weight"] for name, each in facts["members"].items() if each["weight"]}
    assert weights == dict(found.blend.weights)
    assert sum(weights.values()) == pytest.approx(1)
    assert {*found.blend.tables} == {WALKS, EASE} & {*weights}
    said = rank(found.blend.over(own_scores, train), train, validation, (20,), judged(validation)).means()
    assert said["recall@20"] == pytest.approx(facts["recall@20"])
    assert facts["recall@20"] >= max(each["recall@20"] for each in facts["members"].values()) - 0.02


def test_the_recommender_stays_alone_where_nothing_is_better() -> None:
    train, validation = town()
    best = (train + 10 * validation).toarray()
    found = choose(lambda users: best[users].astype(np.float32), train, validation, judged(validation))
    assert found.blend is None
    assert found.facts["members"][OURS]["weight"] == 1
    assert found.facts["ndcg@20"] == found.facts["members"][OURS]["ndcg@20"]


def test_few_users_say_nothing_and_many_items_go_without_ease(monkeypatch: pytest.MonkeyPatch) -> None:
    train, validation = town()
    assert choose(own_scores, train, validation, judged(validation)[: choice.FEWEST_USERS - 1]).facts == {}
    monkeypatch.setattr(choice, "MOST_ITEMS", ITEMS - 1)
    monkeypatch.setattr(choice, "_BLOCK_SCORES", 50 * ITEMS)
    facts = choose(own_scores, train, validation, judged(validation)).facts
    assert set(facts["members"]) == {OURS, WALKS, POPULARITY}
