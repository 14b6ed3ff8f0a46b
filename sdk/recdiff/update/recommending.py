"""The recommender's tables with new users in them, and with new items and friends of users it had.

A user's row is own + (sum over items of m_i + sum over edges of a m_f) / sqrt(degree) (``recommender.tables``): what is
new adds its memory rows. What a new user hands over is to the own row as it is for fitted users on the mean:

    m_u = w c z_u / sqrt(degree),     c = sum over users of <m sqrt(degree) / w, z> / sum of <z, z>.

Items keep their rows. Letters: U users, I items, M touched users, V width, w edge weight.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import scipy.sparse as sp

from recdiff.arrays import Float32, Float64
from recdiff.graph.adjacency import social_adjacency
from recdiff.model.fitted import Fitted
from recdiff.recommender.tables import Recommender
from recdiff.update.given import Given
from recdiff.update.larger import Larger


def recommender_with(fitted: Fitted, given: Given, larger: Larger, trained: sp.csr_matrix) -> Recommender | None:
    """Return the recommender with rows (U, V) of all users, those of touched ones anew; None where there is none.

    Args:
        trained: (U, I) interactions, the new ones among them.
    """
    if fitted.recommender is None:
        return None
    users, place = len(given.users), given.place
    old = fitted.recommender

    def spread(rows: Float32) -> Float32:
        found = np.zeros((users, rows.shape[1]), np.float32)
        found[place] = rows
        return found

    wide = replace(old, user_table=spread(old.user_table), own=spread(old.own), user_memory=spread(old.user_memory))
    weight = 0.5 if larger.graph.directed else 1.0
    friends = weight * social_adjacency(larger.graph.edges, users, directed=False)
    before = social_adjacency(fitted.pairs, len(fitted.users), directed=False)
    lonely = place[_degree(fitted.trained, weight * before, old.tie_weight) == 0]
    new = given.new_users
    wide.own[np.intersect1d(lonely, larger.touched)] = 0.0
    if len(new):
        # First those who know somebody or something of the model, and then, with them, all.
        wide.user_table[new] = wide.fold_in_rows(trained[new], friends[new])
        handed = _handed(old, fitted.trained, weight * before)
        degree = np.maximum(_degree(trained[new], friends[new], old.tie_weight), old.tie_weight or 1.0)
        wide.user_memory[new] = old.tie_weight * handed * wide.user_table[new] / np.sqrt(degree)[:, None]
    touched = larger.touched
    added = wide.fold_in_rows(trained[touched], friends[touched])
    nothing = _degree(trained[touched], friends[touched], old.tie_weight) == 0
    added[nothing] = old.user_table.mean(axis=0)
    wide.user_table[touched] = wide.own[touched] + added
    wide.own[touched[nothing]] = wide.user_table[touched[nothing]]
    return wide


def judged_with(fitted: Fitted, given: Given) -> tuple[Float32, Float32] | None:
    """Return the tables that are judged by: new users, of whom nothing is held out, have the mean row."""
    if fitted.judged is None:
        return None
    users, items = fitted.judged
    rows = np.repeat(users.mean(axis=0, keepdims=True), len(given.users), axis=0)
    rows[given.place] = users
    return rows, items


def _degree(history: sp.csr_matrix, friends: sp.csr_matrix, tie_weight: float) -> Float64:
    """Return the number of items and, times ``tie_weight``, of friends, (B,)."""
    counts = [np.asarray(each.sum(axis=1), np.float64).ravel() for each in (history, friends)]
    return np.asarray(counts[0] + tie_weight * counts[1], np.float64)


def _handed(old: Recommender, history: sp.csr_matrix, friends: sp.csr_matrix) -> float:
    """Return c."""
    if not old.tie_weight:
        return 0.0
    degree = np.sqrt(_degree(history, friends, old.tie_weight))
    each = np.einsum("uv,uv->u", old.user_memory, old.user_table)
    total = float(np.square(old.user_table).sum())
    return float(each @ degree) / (old.tie_weight * total) if total else 0.0
