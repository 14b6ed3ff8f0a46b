"""Ranking metrics against a slow, independent reading of their definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.sparse as sp

from recdiff.errors import UsageError
from recdiff.metrics.ranking import by_tables, rank, top_items


def _slow(scores: np.ndarray, seen: set[int], held: set[int], k: int) -> dict[str, float]:
    order = [item for item in sorted(range(len(scores)), key=lambda item: (-scores[item], item)) if item not in seen]
    hits = [item in held for item in order[:k]]
    gain = sum(1 / math.log2(place + 2) for place, hit in enumerate(hits) if hit)
    best = sum(1 / math.log2(place + 2) for place in range(min(k, len(held))))
    return {
        "recall": sum(hits) / len(held),
        "ndcg": gain / best,
        "precision": sum(hits) / k,
        "hit_rate": float(any(hits)),
    }


def _case(seed: int, users: int = 40, items: int = 60) -> tuple[np.ndarray, sp.csr_matrix, sp.csr_matrix]:
    rng = np.random.default_rng(seed)
    chance = rng.random((users, items))
    chance[::7] = 0.5  # some users have nothing held out
    seen, held = (sp.csr_matrix((part).astype(np.float32)) for part in (chance < 0.1, chance > 0.9))
    return rng.random((users, items)).astype(np.float32), seen, held


@pytest.mark.parametrize("seed", range(5))
def test_every_metric_agrees_with_the_slow_definition(seed: int) -> None:
    scores, seen, held = _case(seed)
    result = rank(lambda users: scores[users], seen, held, (1, 5, 20, 60))
    assert result.users.tolist() == [user for user in range(40) if held[user].nnz]
    for row, user in enumerate(result.users):
        for k in (1, 5, 20, 60):
            slow = _slow(scores[user], set(seen[user].indices), set(held[user].indices), k)
            for name, value in slow.items():
                assert result.values[f"{name}@{k}"][row] == pytest.approx(value, abs=1e-12), (user, name, k)


def test_training_items_are_never_ranked_and_unseen_held_items_count() -> None:
    seen = sp.csr_matrix(np.array([[1, 1, 0, 0]], np.float32))
    held = sp.csr_matrix(np.array([[0, 0, 1, 1]], np.float32))
    scores = np.array([[9, 8, 2, 1]], np.float32)
    result = rank(lambda users: scores[users], seen, held, (1,))
    assert result.means() == {"recall@1": 0.5, "ndcg@1": 1.0, "precision@1": 1.0, "hit_rate@1": 1.0}


def test_an_item_of_score_minus_infinity_is_credited_to_nobody() -> None:
    seen = sp.csr_matrix(np.array([[1, 0, 0, 0], [1, 0, 0, 0]], np.float32))
    held = sp.csr_matrix(np.array([[0, 1, 1, 0], [0, 1, 1, 0]], np.float32))
    scores = np.array([[9, -np.inf, 1, -np.inf], [9, -np.inf, -np.inf, -np.inf]], np.float32)
    result = rank(lambda users: scores[users], seen, held, (4,))
    assert result.values["recall@4"].tolist() == [0.5, 0.0]
    assert result.values["precision@4"].tolist() == [0.25, 0.0]


def test_blocks_do_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    scores, seen, held = _case(1)
    whole = rank(lambda users: scores[users], seen, held).values
    monkeypatch.setattr("recdiff.metrics.ranking._BLOCK_SCORES", 130)
    for name, values in rank(lambda users: scores[users], seen, held).values.items():
        assert np.array_equal(values, whole[name])


def test_a_sample_is_judged_alone() -> None:
    scores, seen, held = _case(2)
    whole = rank(lambda users: scores[users], seen, held)
    part = rank(lambda users: scores[users], seen, held, sample=np.array([9, 0, 3]))
    assert part.users.tolist() == [3, 9], "user 0 has nothing held out"
    kept = np.isin(whole.users, part.users)
    assert np.array_equal(part.values["ndcg@20"], whole.values["ndcg@20"][kept])


def test_equal_scores_come_in_order_of_position() -> None:
    assert top_items(np.array([[0, 2, 1, 2, 2]], np.float32), 4).tolist() == [[1, 3, 4, 2]]


@pytest.mark.parametrize(("items", "depth"), [(1, 1), (20, 20), (319, 10), (320, 10), (5_000, 20), (5_003, 40)])
def test_the_best_items_are_those_of_a_full_sort(items: int, depth: int) -> None:
    rng = np.random.default_rng(items)
    scores = rng.integers(-40, 40, (30, items)).astype(np.float32)
    scores[3] = -np.inf
    scores[4, : items // 2] = -np.inf
    assert np.array_equal(top_items(scores, depth), np.argsort(-scores, axis=1, kind="stable")[:, :depth])


def test_tables_score_by_dot_product() -> None:
    rng = np.random.default_rng(0)
    users, items = (rng.standard_normal((size, 3)).astype(np.float32) for size in (5, 7))
    np.testing.assert_allclose(by_tables(users, items)(np.array([4, 1])), (users @ items.T)[[4, 1]], rtol=1e-6)


def test_what_cannot_be_judged_is_refused() -> None:
    scores, seen, held = _case(0)
    with pytest.raises(UsageError, match=r"cutoffs \[0\]: each must be at least 1"):
        rank(lambda users: scores[users], seen, held, (0,))
    with pytest.raises(UsageError, match="no user has a held-out item"):
        rank(lambda users: scores[users], seen, sp.csr_matrix(held.shape, dtype=np.float32))
