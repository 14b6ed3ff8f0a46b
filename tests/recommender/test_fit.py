"""The default recommender: what it learns, folds in and explains."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from recdiff.errors import UsageError
from recdiff.graph.adjacency import social_adjacency
from recdiff.graph.social_graph import SocialGraph
from recdiff.metrics.ranking import rank
from recdiff.recommender import fit as recommender
from recdiff.recommender.fit import (
    SEARCH,
    FittedRecommender,
    Recommender,
    RecommenderConfig,
    fit_recommender,
    judged_users,
)
from recdiff.recommender.joint_graph import observed_pairs
from recdiff.recommender.loss import loss
from recdiff.storage.checkpoint import Checkpoint

USERS, ITEMS, GROUPS = 60, 45, 3
FIXED = RecommenderConfig(width=8, steps=40, learning_rate=0.05, search=False)
Society = tuple[sp.csr_matrix, np.ndarray, sp.csr_matrix]


def tied(edges: np.ndarray, directed: bool = False) -> SocialGraph:
    return SocialGraph(edges, USERS, directed)


def society(seed: int = 0) -> Society:
    """Return train, edges and validation of users who like, and know, their own group; item 44 is never seen."""
    rng = np.random.default_rng(seed)
    user_group, item_group = np.arange(USERS) % GROUPS, np.arange(ITEMS) % GROUPS
    likes = (user_group[:, None] == item_group) & (rng.random((USERS, ITEMS)) < 0.6)
    likes[:, ITEMS - 1] = False
    likes[USERS - 1] = False  # the last user has neither items nor ties
    held = likes & (rng.random(likes.shape) < 0.2)
    a, b = np.triu_indices(USERS - 1, 1)
    near = (user_group[a] == user_group[b]) & (rng.random(len(a)) < 0.3)
    train, validation = (sp.csr_matrix(part.astype(np.float32)) for part in (likes & ~held, held))
    return train, np.stack([a[near], b[near]], axis=1), validation


@pytest.fixture(scope="module")
def fitted() -> FittedRecommender:
    train, edges, validation = society()
    return fit_recommender(FIXED, train, graph=tied(edges), validation=validation, seed=0)


def test_it_finds_the_groups(fitted: FittedRecommender) -> None:
    train, _, validation = society()
    chance = 10 / ITEMS
    assert rank(fitted.recommender.score, train, validation, (10,)).means()["recall@10"] > 3 * chance


def test_same_seed_same_bytes_and_another_seed_another_table(fitted: FittedRecommender) -> None:
    train, edges, validation = society()
    again = fit_recommender(FIXED, train, graph=tied(edges), validation=validation, seed=0).recommender
    other = fit_recommender(FIXED, train, graph=tied(edges), validation=validation, seed=1).recommender
    assert np.array_equal(again.user_table, fitted.recommender.user_table)
    assert not np.array_equal(other.user_table, fitted.recommender.user_table)


def test_the_rows_are_the_mean_of_the_walk(fitted: FittedRecommender) -> None:
    """own + memory must add up to the same rows for every user that has neighbours."""
    train, edges, _ = society()
    model, social = fitted.recommender, social_adjacency(edges, USERS, False)
    rows = model.own + model.fold_in_rows(train, social)
    np.testing.assert_allclose(rows[:-1], model.user_table[:-1], rtol=1e-4, atol=1e-5)


def test_training_lowers_the_objective() -> None:
    train, edges, validation = society()
    fit = fit_recommender(
        replace(FIXED, steps=60, patience=60), train, graph=tied(edges), validation=validation, seed=0
    ).recommender
    rows = torch.from_numpy(np.concatenate([fit.user_table, fit.item_table]))
    value = loss(observed_pairs(train), rows, USERS, FIXED.background)
    assert float(value) < -0.3 * train.nnz, "0 is the loss of zeros, -R that of a perfect fit"


def test_explanations_sum_to_the_score_and_name_who_mattered(fitted: FittedRecommender) -> None:
    train, edges, _ = society()
    social = social_adjacency(edges, USERS, False)
    model = fitted.recommender
    for user, item in ((0, 3), (4, 1), (7, 30)):
        reasons = model.explain(user, item, train[user].indices, social[user].indices)
        score = float(model.score(np.array([user]))[0, item])
        assert reasons.total == pytest.approx(score, abs=1e-4)
        assert len(reasons.items) == train[user].nnz
        assert len(reasons.friends) == social[user].nnz
    assert model.explain(0, 3, train[0].indices, social[0].indices).friends.mean() > 0


def test_weighted_ties_enter_fit_and_explanation() -> None:
    train, edges, validation = society()
    weight = np.linspace(0, 1, len(edges), dtype=np.float32)
    model = fit_recommender(
        FIXED, train, graph=tied(edges), validation=validation, seed=0, edge_weight=weight
    ).recommender
    social = social_adjacency(edges, USERS, False, weight)[5]
    reasons = model.explain(5, 2, train[5].indices, social.indices, social.data)
    assert reasons.total == pytest.approx(float(model.score(np.array([5]))[0, 2]), abs=1e-4)


def test_ties_of_weight_zero_are_no_ties() -> None:
    train, edges, validation = society()
    nothing = np.zeros(len(edges), np.float32)
    cut = fit_recommender(
        FIXED, train, graph=tied(edges), validation=validation, seed=0, edge_weight=nothing
    ).recommender
    none = fit_recommender(FIXED, train, graph=tied(edges[:0]), validation=validation, seed=0).recommender
    given = fit_recommender(FIXED, train, graph=tied(edges), validation=validation, seed=0).recommender
    np.testing.assert_allclose(cut.user_table, none.user_table, atol=1e-5)
    assert np.abs(given.user_table - none.user_table).max() > 1e-3


def test_a_new_user_gets_the_group_of_history_or_of_friends(fitted: FittedRecommender) -> None:
    nobody = sp.csr_matrix((1, USERS), dtype=np.float32)
    nothing = sp.csr_matrix((1, ITEMS), dtype=np.float32)
    history = sp.csr_matrix((np.ones(3, np.float32), ([0, 0, 0], [1, 4, 7])), shape=(1, ITEMS))
    friends = sp.csr_matrix((np.ones(3, np.float32), ([0, 0, 0], [1, 4, 7])), shape=(1, USERS))
    model = fitted.recommender
    for row in (model.fold_in_rows(history, nobody), model.fold_in_rows(nothing, friends)):
        assert set(np.argsort(-(row @ model.item_table.T)[0])[:8] % GROUPS) == {1}


def test_nobody_in_particular_gets_what_suits_everybody(fitted: FittedRecommender) -> None:
    empty = sp.csr_matrix((1, ITEMS), dtype=np.float32), sp.csr_matrix((1, USERS), dtype=np.float32)
    model = fitted.recommender
    assert np.array_equal(model.fold_in_rows(*empty)[0], model.user_table.mean(axis=0))
    np.testing.assert_allclose(model.user_table[-1], model.user_table[:-1].mean(axis=0), rtol=1e-5)


def test_an_unseen_item_scores_zero(fitted: FittedRecommender) -> None:
    assert not fitted.recommender.item_table[ITEMS - 1].any()


def test_directed_ties_are_accepted() -> None:
    train, edges, validation = society()
    fit = fit_recommender(FIXED, train, graph=tied(edges, directed=True), validation=validation, seed=0)
    assert rank(fit.recommender.score, train, validation, (10,)).means()["recall@10"] > 0.5


def test_the_search_keeps_what_validation_likes_best() -> None:
    train, edges, validation = society()
    start = replace(FIXED, steps=10, search=True)
    fit = fit_recommender(start, train, graph=tied(edges), validation=validation, seed=0)
    trials = 1 + sum(len(values) - 1 for _, values in SEARCH)
    assert [row["trial"] for row in fit.history if row["step"] == 5] == list(range(trials))
    chosen = fit_recommender(fit.config, train, graph=tied(edges), validation=validation, seed=0)
    assert max(row["validation"] for row in chosen.history) == max(row["validation"] for row in fit.history)
    assert not fit.config.search
    assert np.array_equal(chosen.recommender.user_table, fit.recommender.user_table)


def test_every_searched_name_is_a_setting_and_starts_from_its_default() -> None:
    default = RecommenderConfig()
    names = {each.name for each in fields(RecommenderConfig)}
    for name, values in SEARCH:
        assert name in names
        assert getattr(default, name) in values


def test_patience_ends_the_training() -> None:
    train, edges, validation = society()
    fit = fit_recommender(
        replace(FIXED, steps=500, patience=2), train, graph=tied(edges), validation=validation, seed=0
    )
    values = [row["validation"] for row in fit.history]
    assert len(values) == int(np.argmax(values)) + 3


@pytest.mark.parametrize(
    ("change", "message"),
    [({"layers": 0}, "recommender.layers = 0"), ({"background": 0.0}, "recommender.background = 0.0")],
)
def test_settings_without_sense_are_refused(change: dict[str, float], message: str) -> None:
    train, edges, validation = society()
    with pytest.raises(UsageError, match=message):
        fit_recommender(replace(FIXED, **change), train, graph=tied(edges), validation=validation, seed=0)


def test_nothing_to_learn_is_refused() -> None:
    train, edges, validation = society()
    with pytest.raises(UsageError, match="there is no training interaction"):
        fit_recommender(
            FIXED, sp.csr_matrix(train.shape, dtype=np.float32), graph=tied(edges), validation=validation, seed=0
        )


def test_folding_in_checks_the_shapes(fitted: FittedRecommender) -> None:
    train, edges, _ = society()
    with pytest.raises(UsageError, match=r"must be \(60, 45\) and \(60, 60\)"):
        fitted.recommender.fold_in_rows(train[:, :3], social_adjacency(edges, USERS, False))


def test_arrays_hold_everything(fitted: FittedRecommender) -> None:
    model = fitted.recommender
    again = Recommender.from_arrays(model.to_arrays())
    for each in fields(Recommender):
        assert np.array_equal(getattr(again, each.name), getattr(model, each.name)), each.name


def test_one_new_user_by_positions(fitted: FittedRecommender) -> None:
    model = fitted.recommender
    history = sp.csr_matrix((np.ones(2, np.float32), ([0, 0], [1, 4])), shape=(1, ITEMS))
    friends = sp.csr_matrix((np.ones(1, np.float32), ([0], [7])), shape=(1, USERS))
    row = model.fold_in(np.array([1, 4]), np.array([7]))
    np.testing.assert_allclose(row, model.fold_in_rows(history, friends)[0], rtol=1e-6)
    assert np.array_equal(model.fold_in(np.array([ITEMS - 1]), np.array([], np.int64)), model.user_table.mean(axis=0))


def test_tables_of_another_model_fold_in_and_explain() -> None:
    train, edges, validation = society()
    social = social_adjacency(edges, USERS, False)
    tables = fit_recommender(FIXED, train, graph=tied(edges), validation=validation, seed=0).recommender
    model = Recommender.of_tables(tables.user_table, tables.item_table, train, social)
    row = model.fold_in(np.array([1, 4, 7]), np.array([1, 4]))
    assert set(np.argsort(-(model.item_table @ row))[:8] % GROUPS) == {1}
    reasons = model.explain(4, 1, train[4].indices, social[4].indices)
    assert reasons.total == pytest.approx(float(model.score(np.array([4]))[0, 1]), abs=1e-4)


class _KilledError(Exception):
    pass


def test_a_killed_search_goes_on_to_the_same_result(tmp_path: Path) -> None:
    train, edges, validation = society()
    start = replace(FIXED, steps=10, search=True)
    whole = fit_recommender(start, train, graph=tied(edges), validation=validation, seed=0)
    checkpoint = Checkpoint(tmp_path / "recommender.safetensors", "same")

    def kill(stage: str, done: int, total: int) -> None:
        if done == 3:
            raise _KilledError

    with pytest.raises(_KilledError):
        fit_recommender(
            start, train, graph=tied(edges), validation=validation, seed=0, checkpoint=checkpoint, report=kill
        )
    seen: list[int] = []
    again = fit_recommender(
        start,
        train,
        graph=tied(edges),
        validation=validation,
        seed=0,
        checkpoint=checkpoint,
        report=lambda _, done, total: seen.append(done),
    )
    assert seen[0] == 3
    assert again.config == whole.config
    assert again.history == whole.history
    assert np.array_equal(again.recommender.user_table, whole.recommender.user_table)


def test_without_validation_the_given_settings_are_used() -> None:
    train, edges, validation = society()
    nothing = sp.csr_matrix(validation.shape, dtype=np.float32)
    fit = fit_recommender(replace(FIXED, search=True), train, graph=tied(edges), validation=nothing, seed=0)
    assert fit.history == ()
    assert fit.config == FIXED
    assert rank(fit.recommender.score, train, validation, (10,)).means()["recall@10"] > 0.5


def test_judging_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    _, _, validation = society()
    held = np.flatnonzero(np.diff(validation.indptr))
    assert np.array_equal(judged_users(validation, 0), held)
    monkeypatch.setattr(recommender, "JUDGED_SCORES", 20 * ITEMS)
    monkeypatch.setattr(recommender, "FEWEST_JUDGED", 1)
    few = judged_users(validation, 0)
    assert len(set(few.tolist())) == 20
    assert np.isin(few, held).all()
    assert np.array_equal(few, judged_users(validation, 0))
