"""Every baseline keeps the one contract: two tastes are told apart, reproducibly, for any users asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from recdiff.baselines import BASELINES, TRIALS, Baseline, Task, baseline, tune, validation_judge
from recdiff.errors import UsageError
from recdiff.graph.social_graph import SocialGraph
from recdiff.metrics.ranking import Score, rank

USERS, ITEMS = 40, 30
SHORT = {"epochs": 80}
Society = tuple[Task, sp.csr_matrix]


def society(directed: bool = False) -> Society:
    """Return a task and validation of users who like items of their own parity and know users of it."""
    rng = np.random.default_rng(0)
    likes = (np.arange(USERS)[:, None] + np.arange(ITEMS)) % 2 == 0
    taken = likes & (rng.random(likes.shape) < 0.7)
    held = taken & (rng.random(likes.shape) < 0.25)
    taken[:, ITEMS - 1] = held[:, ITEMS - 1] = False  # the last item is never seen
    train, validation = (sp.csr_matrix(part.astype(np.float32)) for part in (taken & ~held, held))
    a, b = np.triu_indices(USERS, 1)
    tied = ((a - b) % 2 == 0) & (rng.random(len(a)) < 0.4)
    edges = np.stack([a[tied], b[tied]], axis=1)
    return Task(train, SocialGraph(edges, train.shape[0], directed), validation_judge(train, validation)), validation


def settings(model: Baseline) -> dict[str, Any]:
    first = model.candidates()[0]
    return {**first, **(SHORT if model.seeded else {})}


@pytest.fixture(params=BASELINES, ids=lambda each: each.name)
def model(request: pytest.FixtureRequest) -> Baseline:
    each: Baseline = request.param
    return each


def test_scores_are_float32_blocks_in_the_order_asked_for(model: Baseline) -> None:
    task, _ = society()
    score = model.fit(task, **settings(model))
    whole = score(np.arange(USERS))
    assert whole.shape == (USERS, ITEMS)
    assert whole.dtype == np.float32
    assert np.isfinite(whole).all()
    np.testing.assert_allclose(score(np.array([7, 2])), whole[[7, 2]], rtol=1e-4, atol=1e-5)
    assert score(np.array([0])) is not score(np.array([0])), "the caller may write to what it gets"


def test_a_personal_model_tells_the_tastes_apart(model: Baseline) -> None:
    task, validation = society()
    score = model.fit(task, **settings(model))
    recall = rank(score, task.train, validation, (8,)).means()["recall@8"]
    if model.name == "popularity":
        assert recall < 0.8
    else:
        assert recall > 0.9


def test_the_same_seed_gives_the_same_scores_and_another_one_only_where_declared(model: Baseline) -> None:
    task, _ = society()
    first, again, other = (model.fit(replace(task, seed=seed), **settings(model))(np.arange(5)) for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert np.array_equal(first, other) != model.seeded


def test_ties_matter_exactly_where_declared(model: Baseline) -> None:
    task, _ = society()
    given = model.fit(task, **settings(model))(np.arange(USERS))
    none = model.fit(replace(task, graph=replace(task.graph, edges=task.graph.edges[:0])), **settings(model))(
        np.arange(USERS)
    )
    assert np.array_equal(given, none) != model.social


def test_directed_and_weighted_ties_are_accepted(model: Baseline) -> None:
    task, _ = society(directed=True)
    weighted = replace(task, edge_weight=np.linspace(0, 1, len(task.graph.edges), dtype=np.float32))
    assert np.isfinite(model.fit(weighted, **settings(model))(np.arange(USERS))).all()


def test_the_space_is_within_the_common_budget(model: Baseline) -> None:
    candidates = model.candidates(trials=10**6)
    assert 1 <= len(candidates) <= TRIALS
    assert model.candidates(trials=2) == model.candidates(trials=2)
    assert len(model.candidates(trials=2)) == min(2, len(candidates))
    assert all(candidate in candidates for candidate in model.candidates(trials=2))


def test_tuning_takes_what_the_judge_likes_best() -> None:
    task, _ = society()
    model = baseline("p3alpha")
    chosen, values = tune(model, task)
    assert len(values) == len(model.candidates())
    assert task.judge(model.fit(task, **chosen)) == max(values)
    assert chosen == model.candidates()[int(np.argmax(values))]


def test_the_epoch_is_the_one_the_judge_likes() -> None:
    """A judge that likes only its second look gets the scores of that look."""
    task, _ = society()
    looks: list[np.ndarray] = []

    def judge(score: Score) -> float:
        looks.append(score(np.arange(USERS)))
        return float(len(looks) == 2)

    score = baseline("bpr-mf").fit(replace(task, judge=judge), regularisation=1e-3, learning_rate=0.05, epochs=40)
    assert np.array_equal(score(np.arange(USERS)), looks[1])
    assert len(looks) == 2 + 5, "it stops when patience is over"


def test_names_are_distinct_and_an_unknown_one_is_refused() -> None:
    assert len({each.name for each in BASELINES}) == len(BASELINES)
    with pytest.raises(UsageError, match="baseline 'eas': accepted are popularity, item-knn"):
        baseline("eas")


@pytest.mark.parametrize(
    "call", [lambda model: model.candidates(0), lambda model: model.fit(society()[0], 1e-3, 0.1, epochs=0)]
)
def test_a_budget_of_nothing_is_refused(call: Callable[[Baseline], Any]) -> None:
    with pytest.raises(UsageError, match="at least 1 is needed"):
        call(baseline("bpr-mf"))
