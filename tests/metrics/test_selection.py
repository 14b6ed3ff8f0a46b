"""The best evaluation is kept, the first of equals, and waiting is counted from it."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from recdiff.metrics.ranking import by_tables, rank
from recdiff.metrics.selection import Best, validation_value


def test_the_first_of_the_best_is_kept() -> None:
    best = Best("none")
    waited = []
    for name, value in (("a", 0.1), ("b", 0.3), ("c", 0.3), ("d", 0.2)):
        if best.offer(value):
            best.kept = name
        waited.append(best.waited)
    assert (best.kept, best.value, waited) == ("b", 0.3, [0, 0, 1, 2])


def test_before_any_evaluation_the_first_is_kept() -> None:
    assert (Best("none").kept, Best("none").waited) == ("none", 0)


def test_the_value_is_recall_and_ndcg_at_20_without_training_items() -> None:
    rng = np.random.default_rng(0)
    train, validation = (sp.random(30, 60, 0.1, "csr", np.float32, rng) for _ in range(2))
    score = by_tables(rng.standard_normal((30, 4)).astype(np.float32), rng.standard_normal((60, 4)).astype(np.float32))
    means = rank(score, train, validation, (20,)).means()
    assert validation_value(score, train, validation) == pytest.approx(means["recall@20"] + means["ndcg@20"])
