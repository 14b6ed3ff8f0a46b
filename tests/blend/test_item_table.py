"""Tables of items by items: the strongest of each row, against the formulas written out densely."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from recdiff.blend import walks
from recdiff.blend.ease import ease_table, ridge_inverse
from recdiff.blend.item_table import ItemTable
from recdiff.blend.walks import walk_table
from recdiff.errors import UsageError

USERS, ITEMS = 25, 14


@pytest.fixture
def train() -> sp.csr_matrix:
    dense = (np.random.default_rng(0).random((USERS, ITEMS)) < 0.3).astype(np.float32)
    dense[:, 3] = 0  # an item without users
    dense[5] = 0  # a user without items
    return sp.csr_matrix(dense)


def dense_walks(train: sp.csr_matrix, alpha: float, beta: float) -> np.ndarray:
    x = train.toarray().astype(np.float64)
    by_user, by_item = np.maximum(x.sum(axis=1), 1), np.maximum(x.sum(axis=0), 1)
    steps = (x.T / by_item[:, None] ** alpha) @ (x / by_user[:, None] ** alpha) / by_item**beta
    np.fill_diagonal(steps, 0)
    return steps


def test_the_strongest_positive_entries_stay_and_ties_go_to_the_first() -> None:
    rows = [([1, 2, 3, 4], [2, 5, 2, 2]), ([0, 2], [-1, 0]), ([0, 1, 4], [3, 1, 2])]
    table = ItemTable.of_rows(((np.array(items), np.array(w, np.float32)) for items, w in rows), 2)
    assert table.items.tolist() == [[1, 2], [1, 1], [0, 4]]
    assert table.weights.tolist() == [[2, 5], [0, 0], [3, 2]]


def test_walks_are_those_of_the_formula(train: sp.csr_matrix) -> None:
    for alpha, beta in ((1.0, 0.0), (0.6, 0.2)):
        found = walk_table(train, alpha, beta, ITEMS).matrix.toarray()
        np.testing.assert_allclose(found, dense_walks(train, alpha, beta), rtol=1e-5)


def test_walks_do_not_depend_on_the_blocks(train: sp.csr_matrix, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = walk_table(train, 0.6, 0.2, 3)
    monkeypatch.setattr(walks, "_BLOCK_PRODUCTS", 7)
    parts = walk_table(train, 0.6, 0.2, 3)
    assert np.array_equal(whole.items, parts.items)
    assert np.array_equal(whole.weights, parts.weights)
    assert whole.items.shape == (ITEMS, 3)


def test_ease_is_the_positive_part_of_its_closed_form(train: sp.csr_matrix) -> None:
    x = train.toarray().astype(np.float64)
    inverse = np.linalg.inv(x.T @ x + 2 * np.eye(ITEMS))
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0)
    np.testing.assert_allclose(ease_table(train, 2.0, ITEMS).matrix.toarray(), np.maximum(weights, 0), atol=1e-6)
    with pytest.raises(UsageError, match="use a larger ridge"):
        ridge_inverse(sp.csr_matrix(np.ones((3, 3), np.float32)), -1.0)


def test_scores_and_shares_are_sums_over_the_users_items(train: sp.csr_matrix) -> None:
    table = walk_table(train, 0.6, 0.2, 4)
    scores = table.score(train[:6])
    np.testing.assert_allclose(scores, train[:6].toarray() @ table.matrix.toarray(), rtol=1e-5)
    assert not scores[5].any()
    own = train[[2]].indices
    for item in range(ITEMS):
        assert table.shares(own, item).sum() == pytest.approx(scores[2, item], rel=1e-5)
