"""A pair of users has one number, whichever comes first unless edges have a direction."""

from __future__ import annotations

import numpy as np

from recdiff.graph.keys import keys_of


def test_keys_of_undirected_pairs_ignore_the_direction() -> None:
    a, b = np.array([3, 5]), np.array([4, 1])
    assert keys_of(a, b, 10, directed=False).tolist() == keys_of(b, a, 10, directed=False).tolist() == [34, 15]
    assert keys_of(a, b, 10, directed=True).tolist() == [34, 51]
    assert keys_of(b, a, 10, directed=True).tolist() == [43, 15]


def test_many_users_do_not_overflow() -> None:
    users = np.array([2_000_000_000], np.int64)
    assert keys_of(users, users, 2_000_000_001, directed=True).tolist() == [2_000_000_000 * 2_000_000_002]
