"""The fitted recommender: two tables whose dot products rank items, folding in of new users, and reasons.

Letters: U users, I items, B new users, D width, L layers, w edge weight.

A user's row is own + (sum over items of m_i + sum over edges of a m_f) / sqrt(degree), where degree = number of items
+ w times the sum of the edges' weights a. m are the memory rows: what a neighbour hands over. New users lack only
``own``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from recdiff.arrays import Float32, Int64
from recdiff.errors import UsageError
from recdiff.metrics.ranking import Score, by_tables
from recdiff.recommender.new_rows import new_rows


@dataclass(frozen=True)
class Reasons:
    """What a score is the sum of.

    Attributes:
        own: what was learned for this user alone.
        items: (H,) share of each item of the user's history, in its order.
        friends: (F,) share of each friend, in their order.
    """

    own: float
    items: Float32
    friends: Float32

    @property
    def total(self) -> float:
        """Return the score."""
        return self.own + float(self.items.sum()) + float(self.friends.sum())


@dataclass(frozen=True, eq=False)
class Recommender:
    """Tables of a fitted recommender.

    Attributes:
        user_table: (U, D); users without interactions and edges have the mean row: they get what suits everybody.
        item_table: (I, D); items never seen in training have zeros.
        own: (U, D) the part of ``user_table`` that no neighbour gave.
        item_memory: (I, D) m_i.
        user_memory: (U, D) m_f, w included.
        tie_weight: w.
    """

    user_table: Float32
    item_table: Float32
    own: Float32
    item_memory: Float32
    user_memory: Float32
    tie_weight: float

    @classmethod
    def of_tables(cls, users: Float32, items: Float32, train: sp.csr_matrix, social: sp.csr_matrix) -> Recommender:
        """Return a recommender of tables (U, D), (I, D) that another model fitted on ``train`` and ``social``.

        An item hands over the mean row of its users, a friend their own row; what that leaves of a user is ``own``.
        """
        counts = np.maximum(_row_sums(train.T.tocsr()), 1.0)[:, None]
        memory = np.asarray((train.T @ users) / counts, np.float32)
        bare = cls(
            user_table=users,
            item_table=items,
            own=np.zeros_like(users),
            item_memory=memory,
            user_memory=users,
            tie_weight=1.0,
        )
        degree = _row_sums(train) + _row_sums(social)
        own = np.where(degree[:, None] > 0, users - bare.fold_in_rows(train, social), users)
        return replace(bare, own=np.asarray(own, np.float32))

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Recommender:
        """Return what ``to_arrays`` wrote down."""
        tables: dict[str, Any] = {each.name: arrays[each.name] for each in fields(cls)}
        return cls(**{**tables, "tie_weight": float(arrays["tie_weight"][0])})

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return all of it as arrays by name."""
        tables = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "tie_weight"}
        return {**tables, "tie_weight": np.array([self.tie_weight])}

    @property
    def score(self) -> Score:
        """Return the scores of all items for user positions."""
        return by_tables(self.user_table, self.item_table)

    def fold_in(self, history: Int64, friends: Int64) -> Float32:
        """Return the row of one new user, (D,), from the positions of their items (H,) and friends (F,)."""
        sides = ((history, self.item_table), (friends, self.user_table))
        row: Float32 = self.fold_in_rows(*(_one_row(chosen, len(table)) for chosen, table in sides))[0]
        return row

    def fold_in_rows(self, history: sp.csr_matrix, friends: sp.csr_matrix) -> Float32:
        """Return rows of new users, (B, D), without training.

        Args:
            history: (B, I), 1 where the new user has the item.
            friends: (B, U), 1 (or the edge's weight) where they have an edge with a known user.

        A new user with neither, or whose items all are new too, gets the mean row.

        Raises:
            UsageError: the matrices are not of this model's items and users.
        """
        count = history.shape[0]
        wanted = ((count, len(self.item_table)), (count, len(self.user_table)))
        if (history.shape, friends.shape) != wanted:
            raise UsageError(f"history {history.shape} and friends {friends.shape} must be {wanted[0]} and {wanted[1]}")
        known = history @ self.item_memory + friends @ self.user_memory
        degree = _row_sums(history) + self.tie_weight * _row_sums(friends)
        return new_rows(known, degree, self.user_table.mean(axis=0))

    def explain(
        self, user: int | None, item: int, history: Int64, friends: Int64, friend_weight: Float32 | None = None
    ) -> Reasons:
        """Return what the score of ``item`` for ``user`` consists of.

        Args:
            user, item: positions; no user: one who was folded in.
            history, friends: (H,) and (F,) positions: the user's training items and edges.
            friend_weight: (F,) weights of the edges, 1 where not given.
        """
        weight = np.ones(len(friends), np.float32) if friend_weight is None else friend_weight
        degree = len(history) + self.tie_weight * float(weight.sum())
        target = self.item_table[item] / np.float32(np.sqrt(degree or 1.0))
        items, theirs = self.item_memory[history] @ target, weight * (self.user_memory[friends] @ target)
        if user is None:
            # Nothing was learned for somebody new, but who has nothing known gets the mean row.
            own = float(self.fold_in(history, friends) @ self.item_table[item]) - float(items.sum() + theirs.sum())
        else:
            own = float(self.own[user] @ self.item_table[item])
        return Reasons(own, items, theirs)


def _row_sums(matrix: sp.csr_matrix) -> NDArray[np.float64]:
    return np.asarray(matrix.sum(axis=1), np.float64).ravel()


def _one_row(chosen: Int64, width: int) -> sp.csr_matrix:
    ones = np.ones(len(chosen), np.float32)
    return sp.csr_matrix((ones, (np.zeros(len(chosen), np.int64), chosen)), shape=(1, width))
