"""What is known of the shares of all kinds, put together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from recdiff.scorer.shares.kinds import SURE, Shares, handed_on
from recdiff.scorer.shares.mixture import Mixture


def known(total: np.ndarray, purity: float) -> Shares:
    """Return shares of one kind whose draws are ``total`` (N,)."""
    none = np.zeros(len(total))
    looks = np.array([total.mean() * (1.0 / purity - 1.0)])
    return Shares(
        ("uniform",),
        total[:, None],
        np.array([purity]),
        looks,
        none,
        staged_purity=0.0,
        odd=none,
        loose=total,
        fading=0.06,
    )


def test_high_scores_rest_on_what_is_fake_among_what_looks_so() -> None:
    pure, mixed = (known(np.full(100, 0.2), purity).alike for purity in (0.9, 0.6))
    assert pure == pytest.approx(2.0 / 1.9 - 1.0)
    assert mixed == pytest.approx(2.0 / 1.6 - 1.0)


def test_the_highest_scores_rest_on_no_more_than_is_surely_there() -> None:
    draws = [0.2] * 10, [0.19] * 5 + [0.21] * 5, [0.16] * 5 + [0.24] * 5, [0.0] * 2 + [0.25] * 8
    sure, hardly, unsure, maybe_none = (known(np.array(each), 0.9).alike for each in draws)
    assert sure == pytest.approx(2.0 / 1.9 - 1.0)
    assert hardly == pytest.approx(2.0 / (1.0 + 0.9 * 0.95) - 1.0)
    assert unsure == maybe_none == pytest.approx(1.0 / SURE - 1.0)
    mixed = known(np.array(draws[2]), 0.6).alike
    assert mixed == pytest.approx(2.0 / 1.6 - 1.0)


def test_the_interval_holds_what_the_data_say_less_strictly() -> None:
    strict = known(np.linspace(0.18, 0.22, 101), 0.9)
    loose = replace(strict, loose=np.linspace(0.1, 0.3, 101))
    assert strict.interval == pytest.approx((0.1808, 0.2192))
    assert loose.interval == pytest.approx((0.104, 0.296))
    assert replace(loose, loose=np.full(101, 1.2)).interval == pytest.approx((0.1808, 1.0))


def test_what_a_kind_stands_for_gets_its_share() -> None:
    names = ("uniform", "two-hop", "lost-path", "kept-path")
    draws, alike = np.array([[0.1, 0.0, 0.02, 0.2]]), np.array([[0.0, 0.01, 0.0, 0.04]])
    found = handed_on(Mixture(draws, alike, bound=np.full(4, 0.5), loose=draws.sum(axis=1)), names)
    np.testing.assert_allclose(found.draws, [[0.1, 0.1, 0.12, 0.0]])
    np.testing.assert_allclose(found.alike, [[0.0, 0.03, 0.02, 0.0]])
    assert draws[0, 3] == 0.2
    some = [0, 3]
    left = Mixture(draws[:, some], alike[:, some], bound=np.full(2, 0.5), loose=draws.sum(axis=1))
    alone = handed_on(left, ("uniform", "kept-path"))
    np.testing.assert_allclose(alone.draws, [[0.1, 0.2]])
