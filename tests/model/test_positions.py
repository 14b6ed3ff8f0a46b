"""Positions of raw ids: those that the model does not know are named, never guessed."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from recdiff.data.ids import Ids, as_ids
from recdiff.errors import DataError
from recdiff.model.positions import pair_positions, user_positions

USERS = Ids(as_ids(pa.array(["ann", "bob", "cy"])))


def test_ids_become_positions_in_their_order() -> None:
    np.testing.assert_array_equal(user_positions(USERS, ["cy", "ann", "cy"], "users"), [2, 0, 2])


def test_unknown_users_are_named() -> None:
    with pytest.raises(DataError, match=r"users.*dan"):
        user_positions(USERS, ["ann", "dan"], "users")


def test_what_is_no_id_is_refused_by_name() -> None:
    with pytest.raises(DataError, match=r"^friends: "):
        user_positions(USERS, [1.5], "friends")


def test_two_ends_of_one_user_are_refused() -> None:
    np.testing.assert_array_equal(pair_positions(USERS, ["cy", "ann"], ["bob", "cy"]), [[2, 1], [0, 2]])
    with pytest.raises(DataError, match="src and dst are one user in 1 of 2 rows: 'ann'; an edge joins two different"):
        pair_positions(USERS, ["cy", "ann"], ["bob", "ann"])
