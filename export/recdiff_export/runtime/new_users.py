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
from recdiff.blend.mixing import standardised, weighed
from recdiff.blend.names import OURS, POPULARITY
from recdiff.recommender.new_rows import new_rows
from recdiff_export.bundle.held import Held
from recdiff_export.bundle.manifest import Manifest
from recdiff_export.bundle.names import (
    MEMORY_ITEMS_FILE,
    MEMORY_USERS_FILE,
    POPULARITY_FILE,
    RECOMMEND_ITEMS_FILE,
    member_files,
)

Table = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Members:
    """Members of a blend, which somebody new is ranked by too.

    Attributes:
        weights: of each member.
        tables: of members that score by items: (I + 1, K) which items follow from each, and by how much.
        popularity: (I,) scores that are the same for all, or None.
    """

    weights: Mapping[str, float]
    tables: Mapping[str, tuple[NDArray[Any], Table]]
    popularity: Float32 | None

    @classmethod
    def open(cls, files: Mapping[str, Held], held: Manifest) -> Members:
        """Read the tables of a bundle; ``require_tables`` has compared them with each other.

        Raises:
            ArtifactError: they do not fit together.
        """
        tables = {}
        for name in held.members:
            follows, weights = (files[each] for each in member_files(name))
            width = len(follows) // 4 // (held.items + 1)
            shape = held.items + 1, width
            tables[name] = follows.table(*shape, "int32"), weights.table(*shape, "float32")
        counted = POPULARITY in held.weights
        popularity = files[POPULARITY_FILE].table(1, held.items, "float32")[0] if counted else None
        return cls(held.weights, tables, popularity)

    def blended(self, own: Float32, history: Int64) -> Float32:
        """Return the blended scores (I,) of somebody with ``history`` (H,); the recommender's are ``own`` (I,)."""
        count = len(own)
        said = {OURS: own}
        for name, (follows, weights) in self.tables.items():
            places, added = follows.take(history, axis=0).ravel(), weights.take(history, axis=0).ravel()
            said[name] = np.bincount(places, added, minlength=count + 1)[:count].astype(np.float32)
        if self.popularity is not None:
            said[POPULARITY] = np.array(self.popularity)
        rows = {name: standardised(scores[None]) for name, scores in said.items()}
        blended: Float32 = weighed(rows, self.weights)[0]
        return blended


@dataclass(frozen=True)
class NewUsers:
    """Tables to fold new users in by.

    Attributes:
        item_table: (I + 1, V), of whose rows the last belongs to no item.
        users: (U, V) what a friend hands over. items: (I + 1, V) what an item does; the last row is the mean user's.
        tie_weight: w.
        members: of a blend, or None.
    """

    item_table: Table
    users: Table
    items: Table
    tie_weight: float
    members: Members | None = None

    @classmethod
    def open(cls, files: Mapping[str, Held], held: Manifest) -> NewUsers | None:
        """Read the tables of a bundle; None where it has none.

        Raises:
            ArtifactError: they do not fit together.
        """
        if held.tie_weight is None:
            return None
        ranked, users, items = files[RECOMMEND_ITEMS_FILE], held.users, held.items
        width = len(ranked) // 4 // (items + 1)
        return cls(
            item_table=ranked.table(items + 1, width, "float32"),
            users=files[MEMORY_USERS_FILE].table(users, width, "float32"),
            items=files[MEMORY_ITEMS_FILE].table(items + 1, width, "float32"),
            tie_weight=held.tie_weight,
            members=Members.open(files, held) if held.weights else None,
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
        if self.members is not None:
            scores = self.members.blended(scores, history)
        scores[history] = -np.inf
        open_ = np.flatnonzero(np.isfinite(scores))
        if len(open_) > k:
            least = -np.partition(-scores[open_], k - 1)[k - 1]
            open_ = open_[scores[open_] >= least]
        chosen = open_[np.argsort(-scores[open_], kind="stable")[:k]]
        return chosen, scores[chosen]
