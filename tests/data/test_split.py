"""Each user's rows fall 7:1:2, at random or by time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recdiff.data.split import TEST, TRAIN, VALIDATION, by_ratio, by_time


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (1, (1, 0, 0)),
        (2, (2, 0, 0)),
        (3, (2, 0, 1)),
        (4, (3, 0, 1)),
        (5, (3, 1, 1)),
        (10, (7, 1, 2)),
        (100, (70, 10, 20)),
    ],
)
def test_shares_of_one_user(rows: int, expected: tuple[int, int, int]) -> None:
    parts = by_ratio(np.zeros(rows, np.int64), 0)
    assert tuple(np.bincount(parts, minlength=3)) == expected


@given(st.lists(st.integers(0, 30), max_size=200), st.integers(0, 5))
def test_every_user_keeps_a_training_row(users: list[int], seed: int) -> None:
    who = np.sort(np.array(users, np.int64))
    parts = by_ratio(who, seed)
    for user in set(users):
        rows = users.count(user)
        counts = np.bincount(parts[who == user], minlength=3)
        assert counts[TEST] == (2 * rows + 5) // 10
        assert counts[VALIDATION] == (rows + 5) // 10
        assert counts[TRAIN] >= 1


def test_the_seed_decides() -> None:
    users = np.repeat(np.arange(50), 20)
    assert (by_ratio(users, 1) == by_ratio(users, 1)).all()
    assert (by_ratio(users, 1) != by_ratio(users, 2)).any()


def test_which_rows_are_test_is_uniform() -> None:
    users = np.repeat(np.arange(4000), 10)
    share = (by_ratio(users, 0).reshape(4000, 10) == TEST).mean(axis=0)
    assert np.abs(share - 0.2).max() < 0.03


def test_the_latest_rows_are_test() -> None:
    users = np.array([0] * 10 + [1] * 10)
    time = np.concatenate((np.arange(10)[::-1], np.arange(10) * 1e9))
    parts = by_time(users, time, 0)
    assert parts[:10].tolist() == [2, 2, 1, 0, 0, 0, 0, 0, 0, 0]
    assert parts[10:].tolist() == [0, 0, 0, 0, 0, 0, 0, 1, 2, 2]


def test_equal_times_fall_by_seed() -> None:
    users, time = np.repeat(np.arange(20), 10), np.zeros(200)
    assert (by_time(users, time, 1) != by_time(users, time, 2)).any()
