"""How well a fitted recommender ranks: validation and test, with intervals and simple baselines beside it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from recdiff.arrays import Float32
from recdiff.baselines.registry import baseline
from recdiff.baselines.task import Judge, Task, validation_judge
from recdiff.data.dataset import SocialDataset
from recdiff.metrics.ranking import Ranking, Score, by_tables, rank

# Users judged by at most; more change the third decimal no more.
MOST_USERS = 20_000
# The neighbour baseline multiplies users by users, sparse; above so many it is left out, and said to be.
NEIGHBOUR_USERS = 50_000
RESAMPLES = 1_000
LEVEL = 0.95
NEIGHBOUR_SETTINGS: dict[str, Any] = {"neighbours": 300, "shrink": 5.0, "weights": "tfidf"}


def validation_score(train: sp.csr_matrix, validation: sp.csr_matrix, seed: int) -> Callable[[Float32, Float32], float]:
    """Return the judge of user and item tables that epochs are chosen by: recall@20 + ndcg@20 on validation."""
    judge = sampled_judge(train, validation, seed)
    return lambda users, items: judge(by_tables(users, items))


def sampled_judge(train: sp.csr_matrix, validation: sp.csr_matrix, seed: int) -> Judge:
    """Return the judge of scores: recall@20 + ndcg@20 on validation, of at most ``MOST_USERS`` users."""
    return validation_judge(train, validation, _sample(validation, seed))


def judge(score: Score, dataset: SocialDataset, seed: int) -> dict[str, Any]:
    """Return metrics of ``score`` on the held-out interactions of ``dataset``.

    Keys: test and validation (metric@k -> mean over users), interval (of test, by bootstrap over users),
    baselines (name -> metric@k on test), users (judged by), seed. A split without held-out items is left out.
    """
    facts: dict[str, Any] = {"seed": seed, "users": {}}
    for name in ("validation", "test"):
        held = getattr(dataset, name)
        if held.nnz == 0:
            continue
        ranking = rank(score, dataset.train, held, sample=_sample(held, seed))
        facts[name] = ranking.means()
        facts["users"][name] = len(ranking.users)
        if name == "test":
            facts["interval"] = _intervals(ranking, seed)
            facts["baselines"] = _baselines(dataset, seed)
    return facts


def _sample(held: sp.csr_matrix, seed: int) -> NDArray[np.int64] | None:
    users = np.flatnonzero(np.diff(held.indptr))
    if len(users) <= MOST_USERS:
        return None
    return np.sort(np.random.default_rng(seed).choice(users, MOST_USERS, replace=False))


def _intervals(ranking: Ranking, seed: int) -> dict[str, list[float]]:
    """Return the bootstrap interval of each mean over users."""
    count = len(ranking.users)
    drawn = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), RESAMPLES) / count
    tail = (1 - LEVEL) / 2
    return {name: np.quantile(drawn @ values, [tail, 1 - tail]).tolist() for name, values in ranking.values.items()}


def _baselines(dataset: SocialDataset, seed: int) -> dict[str, dict[str, float]]:
    task = Task(dataset.train, dataset.graph, validation_judge(dataset.train, dataset.validation), seed)
    scores: dict[str, Score] = {"popularity": baseline("popularity").fit(task)}
    if len(dataset.users) <= NEIGHBOUR_USERS:
        scores["user-knn-tfidf"] = baseline("user-knn-tfidf").fit(task, **NEIGHBOUR_SETTINGS)
    sample = _sample(dataset.test, seed)
    return {name: rank(score, dataset.train, dataset.test, sample=sample).means() for name, score in scores.items()}
