"""How long answers took, where it is known which came back by themselves."""

from __future__ import annotations

import numpy as np
import pytest

from recdiff.scorer.untaught.answers import KINDEST, silence
from recdiff.scorer.untaught.delay import delays

USERS, DAY = 400, 86_400.0


def answered(seed: int, by_chance: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return edges that all have a reverse, when each came about, and whether the reverse is there by itself."""
    rng = np.random.default_rng(seed)
    pairs = np.unique(np.sort(rng.integers(0, USERS, (3_000, 2)), axis=1), axis=0)
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    asked = rng.random(len(pairs)) * 1_000 * DAY
    chance = rng.random(len(pairs)) < by_chance
    back = np.where(chance, rng.random(len(pairs)) * 1_000 * DAY, asked + rng.exponential(2 * DAY, len(pairs)))
    return np.concatenate([pairs, pairs[:, ::-1]]), np.concatenate([asked, back]), np.concatenate([chance, chance])


def test_late_answers_look_more_like_chance() -> None:
    edges, times, chance = answered(0, 0.3)
    found = delays(edges, USERS, times)
    late = np.abs(times - np.tile(times.reshape(2, -1).mean(axis=0), 2)) * 2
    assert found[chance].mean() > found[~chance].mean() + 1.0
    assert (np.diff(found[np.argsort(late)]) >= -1e-12).all()
    # A quick answer is hardly ever there by chance: half of the fakes have one at most.
    assert found.min() == pytest.approx(np.log(0.5), abs=0.05)


def test_the_order_of_the_edges_says_nothing() -> None:
    edges, times, _ = answered(1, 0.3)
    order = np.random.default_rng(0).permutation(len(edges))
    assert np.array_equal(delays(edges[order], USERS, times[order]), delays(edges, USERS, times)[order])


def test_times_that_say_nothing_add_nothing() -> None:
    edges, times, _ = answered(2, 1.0)
    assert np.abs(delays(edges, USERS, times)).max() < 0.35
    assert not delays(edges, USERS, np.zeros(len(edges))).any()
    assert not delays(edges, USERS, np.full(len(edges), np.nan)).any()
    few = np.concatenate([edges[:20], edges[len(edges) // 2 :][:20]])
    assert not delays(few, USERS, np.arange(40.0)).any()


def test_edges_without_a_reverse_or_a_time_are_left_as_they_are() -> None:
    edges, times, _ = answered(3, 0.3)
    times[0] = np.nan
    alone = np.array([[0, USERS]])
    found = delays(np.concatenate([edges, alone]), USERS + 1, np.append(times, 0.0))
    assert found[-1] == found[0] == found[len(edges) // 2] == 0.0
    assert np.count_nonzero(found) == len(edges) - 2


def test_an_answer_of_years_later_says_no_less_than_none() -> None:
    edges, times, _ = answered(4, 0.3)
    lonely = np.array([[user, USERS] for user in range(100)])
    edges, times = np.concatenate([edges, lonely]), np.append(times, np.zeros(100))
    plain, timed = silence(edges, USERS + 1), silence(edges, USERS + 1, times)
    assert np.array_equal(timed[-100:], plain[-100:])
    assert timed.max() <= plain[-1]
    assert timed.min() < np.log(KINDEST) < timed[:-100].max()
