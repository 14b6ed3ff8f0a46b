"""Recommend to somebody who was not there at the fit, from the items they used and the users they have ties to.

Letters: U users, I items, V width, H items and F friends of the new user.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recdiff.arrays import Float32, Int64
from recdiff.recommender.new_rows import new_rows
from recdiff_export.bundle.held import Held
from recdiff_export.bundle.names import MEMORY_ITEMS_FILE, MEMORY_USERS_FILE, RECOMMEND_ITEMS_FILE

Table = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class NewUsers:
    """Tables to fold new users in by.

    Attributes:
        item_table: (I + 1, V), of whose rows the last belongs to no item.
        users: (U, V) what a friend hands over. items: (I + 1, V) what an item does; the last row is the mean user's.
        tie_weight: w.
    """

    item_table: Table
    users: Table
    items: Table
    tie_weight: float

    @classmethod
    def open(cls, files: Mapping[str, Held], users: int, items: int, tie_weight: float) -> NewUsers:
        """Read the tables of a bundle with ``users`` and ``items``.

        Raises:
            ArtifactError: they do not fit together.
        """
        ranked = files[RECOMMEND_ITEMS_FILE]
        width = len(ranked) // 4 // (items + 1)
        return cls(
            item_table=ranked.table(items + 1, width, "float32"),
            users=files[MEMORY_USERS_FILE].table(users, width, "float32"),
            items=files[MEMORY_ITEMS_FILE].table(items + 1, width, "float32"),
            tie_weight=tie_weight,
        )

    def best(self, history: Int64, friends: Int64, k: int) -> tuple[Int64, Float32]:
        """Return positions and scores of the ``k`` best items that are not in ``history``, the best first.

        Args:
            history, friends: (H,) and (F,) distinct positions; somebody with neither gets what suits everybody.
        """
        known = self.items.take(history, axis=0).sum(axis=0) + self.users.take(friends, axis=0).sum(axis=0)
        degree = np.array([len(history) + self.tie_weight * len(friends)])
        row = new_rows(np.asarray(known[None], np.float32), degree, np.asarray(self.items[-1], np.float32))[0]
        scores = np.asarray(self.item_table[:-1] @ row, np.float32)
        scores[history] = -np.inf
        open_ = np.flatnonzero(np.isfinite(scores))
        if len(open_) > k:
            least = -np.partition(-scores[open_], k - 1)[k - 1]
            open_ = open_[scores[open_] >= least]
        chosen = open_[np.argsort(-scores[open_], kind="stable")[:k]]
        return chosen, scores[chosen]
