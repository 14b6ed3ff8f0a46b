"""Recommendations are the best unseen items in order, and the reasons given are those that added most."""

from __future__ import annotations

import json

import numpy as np

from recdiff.estimator import RecDiff
from recdiff.model.recommendations import explained, for_new_user, top_table


def test_the_best_unseen_items_come_in_order(fitted: RecDiff) -> None:
    model = fitted.fitted_
    assert model.recommender is not None
    users = np.array([0, 7])
    rows, history, seen = model.recommender.user_table[users], model.trained[users], model.seen[users]
    table = top_table(model, model.users.take(users), rows, history, seen=seen, k=5)
    scores = model.recommender.score(users)
    if model.blend is not None:
        scores = model.blend.scores(scores, history)
    for row, user in enumerate(users):
        scores[row, model.seen[[user]].indices] = -np.inf
        own = table.slice(5 * row, 5)
        best = np.argsort(-scores[row], kind="stable")[:5]
        assert model.items.index(own["item_id"]).tolist() == best.tolist()
        assert own["rank"].to_pylist() == [1, 2, 3, 4, 5]
        np.testing.assert_allclose(own["score"].to_numpy(), scores[row, best], rtol=1e-5)


def test_somebody_new_is_told_why(fitted: RecDiff) -> None:
    model = fitted.fitted_
    items, friends = model.seen[[3]].indices[:4].astype(np.int64), np.array([1, 2])
    table = for_new_user(model, items, friends, 5, exclude_seen=True, explain=True)
    assert table.column_names == ["item_id", "rank", "score", "because_items", "because_friends", "because_member"]
    assert not set(model.items.index(table["item_id"]).tolist()) & set(items.tolist())
    known = set(model.items.take(items).to_pylist())
    named = [json.loads(text) for text in table["because_items"].to_pylist()]
    assert all(set(each) <= known and len(each) <= 3 for each in named)
    assert any(named)


def test_reasons_are_the_users_own_items(fitted: RecDiff) -> None:
    model = fitted.fitted_
    table = explained(model, fitted.recommend(fitted.edges_["src"].to_pylist()[:1], k=3))
    user = int(model.users.index(table["user_id"])[0])
    own = set(model.items.take(model.trained[[user]].indices).to_pylist())
    assert all(set(json.loads(text)) <= own for text in table["because_items"].to_pylist())
