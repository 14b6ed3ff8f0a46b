"""Which members are blended, and with what weights: chosen on validation, among few candidates.

Letters: U users, I items, N judged users.

First each member's settings are chosen by the member alone. Then the recommender, every other member and some mixtures
are compared; the best of them replaces the recommender where it is better by more than the standard error of their
paired difference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

from recdiff.arrays import Float32, Float64, Int64
from recdiff.blend.blend import BUILDERS, Blend, counts
from recdiff.blend.item_table import ItemTable
from recdiff.blend.mixing import weighed
from recdiff.blend.names import EASE, OURS, POPULARITY, WALKS
from recdiff.machine.progress import Report, silent
from recdiff.metrics.ranking import Score, rank
from recdiff.metrics.selection import JUDGED, Best

# The settings of members that are tried.
SETTINGS: Mapping[str, tuple[Mapping[str, float], ...]] = {
    WALKS: ({"alpha": 0.6, "beta": 0.2}, {"alpha": 1.0, "beta": 0.2}),
    EASE: ({"ridge": 100.0}, {"ridge": 300.0}, {"ridge": 1000.0}),
}
# Weights of the recommender in a mixture; the members that score by a user's items share the rest alike.
SHARES = (0.8, 0.6, 0.4, 0.2)
# Items of a data set with EASE at most: the dense inverse takes less than a second.
MOST_ITEMS = 3_000
# Judged users below which differences say nothing.
FEWEST_USERS = 100
# Scores of a block of users at most.
_BLOCK_SCORES = 2**22

Values = dict[str, Float64]


@dataclass(frozen=True, eq=False)
class Choice:
    """What was chosen.

    Attributes:
        blend: None where the recommender alone is best, or nothing could be judged.
        facts: weights, validation figures of the members and of what was chosen, its gain over the recommender alone
            with standard error, users judged by; JSON-able, empty where nothing could be judged.
    """

    blend: Blend | None
    facts: dict[str, Any]


@dataclass(frozen=True, eq=False)
class _Jury:
    """The recommender's scores, training and validation interactions (U, I), and the users (N,) to judge by."""

    own: Score
    train: sp.csr_matrix
    validation: sp.csr_matrix
    users: Int64

    def values(self, blend: Blend, candidates: Sequence[Mapping[str, float]]) -> list[Values]:
        """Return what each user's validation interactions say of weights of the members of ``blend``."""
        blocks = np.array_split(self.users, -(-len(self.users) * self.train.shape[1] // _BLOCK_SCORES))
        judged = [self._block(blend, candidates, block) for block in blocks]
        return [
            {name: np.concatenate([part[row][name] for part in judged]) for name in JUDGED}
            for row in range(len(candidates))
        ]

    def _block(self, blend: Blend, candidates: Sequence[Mapping[str, float]], users: Int64) -> list[Values]:
        seen, held = self.train[users], self.validation[users]
        rows = blend.rows(self.own(users), seen)
        return [rank(_picked(weighed(rows, weights)), seen, held, (20,)).values for weights in candidates]


def choose(
    own: Score, train: sp.csr_matrix, validation: sp.csr_matrix, users: Int64, report: Report = silent
) -> Choice:
    """Return the blend that ``validation`` (U, I) likes best.

    Args:
        own: scores of the recommender that learned from ``train`` (U, I), entries 1.
        users: (N,) positions of the users to judge by, each with held-out items.
    """
    if len(users) < FEWEST_USERS:
        return Choice(None, {})
    jury = _Jury(own, train, validation, np.sort(users))
    names = [name for name in BUILDERS if name != EASE or train.shape[1] <= MOST_ITEMS]
    settings, tables = dict[str, Mapping[str, float]](), dict[str, ItemTable]()
    for index, name in enumerate(names):
        report("members", index, len(names) + 1)
        settings[name], tables[name] = _best_alone(jury, name)
    report("members", len(names), len(names) + 1)
    blend = Blend({}, settings, tables, counts(train))
    candidates = [{OURS: 1.0}, *({name: 1.0} for name in (*names, POPULARITY)), *_mixtures(names)]
    chosen = _chosen(blend, candidates, jury.values(blend, candidates))
    report("members", len(names) + 1, len(names) + 1)
    return chosen


def _best_alone(jury: _Jury, name: str) -> tuple[Mapping[str, float], ItemTable]:
    """Return the settings of a member that validation likes best of it alone, and its table."""
    best: Best[tuple[Mapping[str, float], ItemTable] | None] = Best(None)
    for settings in SETTINGS[name]:
        table = BUILDERS[name](jury.train, **settings)
        (values,) = jury.values(Blend({}, tables={name: table}), [{name: 1.0}])
        if best.offer(float(_total(values).mean())):
            best.kept = settings, table
    assert best.kept is not None
    return best.kept


def _mixtures(names: Sequence[str]) -> list[dict[str, float]]:
    return [{OURS: share, **dict.fromkeys(names, (1 - share) / len(names))} for share in SHARES]


def _chosen(blend: Blend, candidates: Sequence[dict[str, float]], values: Sequence[Values]) -> Choice:
    """Return the best candidate, or the first where the best is not better by more than the standard error."""
    total = [_total(each) for each in values]
    best = int(np.argmax([each.mean() for each in total]))
    gain = total[best] - total[0]
    error = float(gain.std(ddof=1) / np.sqrt(len(gain)))
    if gain.mean() <= error:
        best = 0
    weights = candidates[best]
    alone = {next(iter(each)): values[row] for row, each in enumerate(candidates) if len(each) == 1}
    facts = {
        "members": {name: {"weight": weights.get(name, 0.0), **_means(each)} for name, each in alone.items()},
        **_means(values[best]),
        "gain": float(gain.mean()),
        "standard_error": error,
        "users": len(gain),
    }
    return Choice(blend.of_weights(weights) if best else None, facts)


def _total(values: Values) -> Float64:
    total: Float64 = np.sum([values[name] for name in JUDGED], axis=0)
    return total


def _means(values: Values) -> dict[str, float]:
    return {name: float(values[name].mean()) for name in JUDGED}


def _picked(scores: Float32) -> Score:
    return lambda rows: scores[rows]
