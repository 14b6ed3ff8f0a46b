"""A blend: the recommender's scores and those of simple members, standardised per user and weighed.

Letters: U users, I items, B users of a block, H items of a user.

score(u, i) = sum over members m of w_m (s_m(u, i) - mean_m(u)) / sd_m(u), mean and standard deviation over all items.
A member that gives all items the same score has nothing to say of a user; its weight goes to the recommender.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from recdiff.arrays import Float32
from recdiff.blend.ease import ease_table
from recdiff.blend.item_table import ItemTable
from recdiff.blend.mixing import Rows, standardised, weighed
from recdiff.blend.names import EASE, OURS, POPULARITY, WALKS
from recdiff.blend.walks import walk_table
from recdiff.metrics.ranking import Score

# Members that score by a user's items, and how their tables come about.
BUILDERS: Mapping[str, Callable[..., ItemTable]] = {WALKS: walk_table, EASE: ease_table}


@dataclass(frozen=True, eq=False)
class Blend:
    """Members beside the recommender, and the weights of all.

    Attributes:
        weights: of each member, ``OURS`` among them where it counts; they add up to 1.
        settings: what each member of ``BUILDERS`` is built with.
        tables: the tables of those members.
        popularity: (I,) number of interactions of each item; None where popularity has no weight.
    """

    weights: Mapping[str, float]
    settings: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    tables: Mapping[str, ItemTable] = field(default_factory=dict)
    popularity: Float32 | None = None

    def of_weights(self, weights: Mapping[str, float]) -> Blend:
        """Return the blend with these weights, of the members that they name."""
        settings = {name: each for name, each in self.settings.items() if name in weights}
        tables = {name: each for name, each in self.tables.items() if name in weights}
        return Blend(weights, settings, tables, self.popularity if POPULARITY in weights else None)

    def refitted(self, train: sp.csr_matrix) -> Blend:
        """Return the blend whose members learned from ``train`` (U, I), entries 1."""
        tables = {name: BUILDERS[name](train, **settings) for name, settings in self.settings.items()}
        return replace(self, tables=tables, popularity=None if self.popularity is None else counts(train))

    def raw(self, own: Float32, history: sp.csr_matrix) -> Rows:
        """Return the scores (B, I) of the recommender, which are ``own``, and of each member as they are.

        Args:
            history: (B, I), 1 where a user has an item.
        """
        rows = {OURS: own, **{name: table.score(history) for name, table in self.tables.items()}}
        if self.popularity is not None:
            rows[POPULARITY] = np.repeat(self.popularity[None], len(own), axis=0)
        return rows

    def rows(self, own: Float32, history: sp.csr_matrix) -> Rows:
        """Return what ``raw`` does, standardised; ``own`` is overwritten."""
        return {name: standardised(scores) for name, scores in self.raw(own, history).items()}

    def scores(self, own: Float32, history: sp.csr_matrix) -> Float32:
        """Return the blended scores (B, I); see ``rows``."""
        return weighed(self.rows(own, history), self.weights)

    def heard(self, speaks: Mapping[str, bool]) -> dict[str, float]:
        """Return the weights for a user of whom not all members have something to say."""
        weights = {OURS: 0.0}
        for name, weight in sorted(self.weights.items()):
            heard = name if speaks[name] else OURS
            weights[heard] = weights.get(heard, 0.0) + weight
        return {name: weight for name, weight in weights.items() if weight}

    def over(self, own: Score, history: sp.csr_matrix) -> Score:
        """Return the blended scores of the users of ``history`` (U, I), given the recommender's."""
        return lambda users: self.scores(own(users), history[users])

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return tables and popularity as arrays by name."""
        arrays = {f"{name}/{part}": values for name, table in self.tables.items() for part, values in _arrays(table)}
        return arrays if self.popularity is None else {**arrays, POPULARITY: self.popularity}

    def plain(self) -> dict[str, Any]:
        """Return weights and settings, JSON-able."""
        return {"weights": dict(self.weights), "settings": {name: dict(each) for name, each in self.settings.items()}}

    @classmethod
    def of_parts(cls, plain: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Blend:
        """Return what ``plain`` and ``to_arrays`` wrote down."""
        tables = {name: ItemTable(arrays[f"{name}/items"], arrays[f"{name}/weights"]) for name in plain["settings"]}
        return cls(plain["weights"], plain["settings"], tables, arrays.get(POPULARITY))


def counts(train: sp.csr_matrix) -> Float32:
    """Return the number of interactions of each item, (I,)."""
    return np.bincount(train.indices, minlength=train.shape[1]).astype(np.float32)


def _arrays(table: ItemTable) -> list[tuple[str, NDArray[Any]]]:
    return [("items", table.items), ("weights", table.weights)]
