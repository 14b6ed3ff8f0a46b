"""The paired bootstrap finds what is there and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from recdiff.errors import UsageError
from recdiff.metrics.significance import paired_bootstrap


def test_a_steady_gain_is_certain_though_users_differ_more() -> None:
    rng = np.random.default_rng(0)
    theirs = rng.random(500)
    result = paired_bootstrap(theirs + 0.02 + rng.normal(0, 0.05, 500), theirs, 2000)
    assert result.low < 0.02 < result.high
    assert result.low > 0
    assert result.p < 0.01


def test_noise_is_not_a_gain() -> None:
    p = [paired_bootstrap(*np.random.default_rng(seed).random((2, 200)), 500).p for seed in range(40)]
    assert 0.3 < np.mean(p) < 0.7
    assert min(p) < 0.2 < 0.8 < max(p)


def test_the_interval_is_that_of_the_mean() -> None:
    gap = np.random.default_rng(1).normal(0, 1, 400)
    result = paired_bootstrap(gap, np.zeros(400))
    half = 1.96 * gap.std() / 20
    assert result.mean == pytest.approx(gap.mean())
    assert (result.low, result.high) == pytest.approx((gap.mean() - half, gap.mean() + half), abs=0.01)


def test_seeds_are_averaged_and_may_differ_in_number() -> None:
    rng = np.random.default_rng(2)
    ours, theirs = rng.random((5, 50)), rng.random((3, 50))
    assert paired_bootstrap(ours, theirs, 200) == paired_bootstrap(ours.mean(axis=0), theirs.mean(axis=0), 200)


def test_no_difference_at_all_has_p_1() -> None:
    assert paired_bootstrap(np.ones(9), np.ones(9)).p == 1.0


def test_a_constant_difference_has_the_smallest_p() -> None:
    result = paired_bootstrap(np.ones(8), np.zeros(8), 99)
    assert (result.low, result.high, result.p) == (1.0, 1.0, 0.02)


def test_different_users_are_refused() -> None:
    with pytest.raises(UsageError, match="same two or more users on both sides, not 3 and 4"):
        paired_bootstrap(np.ones(3), np.ones(4))
