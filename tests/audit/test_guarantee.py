"""The promise holds for fakes of any sort, with known edges drawn evenly or by an audit."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from recdiff.audit.guarantee import benjamini_hochberg, chances, p_values
from recdiff.audit.sample import draw


@pytest.mark.parametrize("by", ["labels", "audit"])
def test_real_edges_among_the_removed_stay_below_the_level(by: str) -> None:
    wrong, found = [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        is_fake = rng.random(3_000) < 0.25
        score = expit(rng.normal(np.where(is_fake, rng.choice([0.0, 5.0], 3_000), 0.0), 1.0) - 3.0)
        answers = np.full(3_000, -1, np.int8)
        rows = draw(score, 300, seed).rows if by == "audit" else rng.choice(3_000, 300, replace=False)
        if by == "audit":
            answers[rows] = is_fake[rows]
        real = rows[~is_fake[rows]]
        p = p_values(score, real, chances(score, answers, real))
        rest = np.setdiff1d(np.arange(3_000), rows)
        chosen = rest[benjamini_hochberg(p[rest], 0.05)]
        wrong.append((~is_fake[chosen]).mean() if len(chosen) else 0.0)
        found.append(is_fake[chosen].sum() / is_fake[rest].sum())
    assert np.mean(wrong) <= 0.05
    assert np.mean(found) > 0.25


def test_known_edges_count_by_what_they_stand_for() -> None:
    score = np.array([0.1, 0.5, 0.9, 0.95])
    even = p_values(score, np.array([0, 1, 2]), np.full(4, 0.5))
    np.testing.assert_allclose(even, [1.0, 0.75, 0.5, 0.25])
    seldom = p_values(score, np.array([0, 1, 2]), np.array([0.5, 0.5, 0.1, 0.5]))
    np.testing.assert_allclose(seldom[3], 2.0 / 16.0)


def test_the_rule_takes_the_last_that_is_low_enough() -> None:
    assert benjamini_hochberg(np.array([0.01, 0.04, 0.03, 0.9]), 0.054).tolist() == [True, True, True, False]
    assert not benjamini_hochberg(np.array([0.2, 0.9]), 0.05).any()
    assert benjamini_hochberg(np.empty(0), 0.05).tolist() == []
