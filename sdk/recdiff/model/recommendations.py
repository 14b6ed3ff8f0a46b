"""Recommendations as tables of raw ids, and the reasons for them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import scipy.sparse as sp

from recdiff.arrays import Float32, Int64
from recdiff.blend.mixing import deviations
from recdiff.blend.names import OURS
from recdiff.data.ids import Ids
from recdiff.graph.adjacency import social_adjacency
from recdiff.metrics.ranking import mask_rows, top_items
from recdiff.model.fitted import Fitted

# Users whose item scores are held at once.
BLOCK = 1024
REASONS = 3


@dataclass(frozen=True, eq=False)
class _Asked:
    """Somebody who gets recommendations, and the positions of what they get, of their items and their friends.

    Attributes:
        user: position; None: somebody new.
    """

    user: int | None
    chosen: Int64
    history: Int64
    friends: Int64


def top_table(
    fitted: Fitted, users: pa.Array, rows: Float32, history: sp.csr_matrix, *, seen: sp.csr_matrix | None, k: int
) -> pa.Table:
    """Return the best items of user rows (B, V) with a ``history`` (B, I) as a table, masking ``seen`` (B, I)."""
    assert fitted.recommender is not None
    parts: list[tuple[Int64, Int64, Int64, Float32]] = []
    columns = np.ascontiguousarray(fitted.recommender.item_table.T)
    for start in range(0, len(rows), BLOCK):
        scores = np.asarray(rows[start : start + BLOCK] @ columns, np.float32)
        if fitted.blend is not None:
            scores = fitted.blend.scores(scores, history[start : start + BLOCK])
        if seen is not None:
            mask_rows(scores, seen[start : start + BLOCK], np.arange(len(scores)))
        top = top_items(scores, min(k, scores.shape[1]))
        best = np.take_along_axis(scores, top, axis=1)
        row, rank = np.nonzero(np.isfinite(best))
        parts.append((start + row, top[row, rank], rank + 1, best[row, rank]))
    owner, item, rank, score = (np.concatenate(column) for column in zip(*parts, strict=True))
    return pa.table(
        {"user_id": users.take(pa.array(owner)), "item_id": fitted.items.take(item), "rank": rank, "score": score}
    )


def for_new_user(
    fitted: Fitted, items: Int64, friends: Int64, k: int, *, exclude_seen: bool, explain: bool
) -> pa.Table:
    """Return the top ``k`` items of somebody with a history of ``items`` and ``friends``, given by position."""
    assert fitted.recommender is not None
    row = fitted.recommender.fold_in(items, friends)[None]
    history = _one_row(items, len(fitted.items))
    seen = history if exclude_seen else None
    table = top_table(fitted, pa.array(["new"]), row, history, seen=seen, k=k).drop_columns(["user_id"])
    if not explain:
        return table
    return _because(fitted, table, [_Asked(None, fitted.items.index(table["item_id"]), items, friends)])


def explained(fitted: Fitted, table: pa.Table) -> pa.Table:
    """Return recommendations with because_items, because_friends and because_member; see ``_because``."""
    ties = social_adjacency(fitted.pairs, len(fitted.users), directed=False)
    users, items = fitted.users.index(table["user_id"]), fitted.items.index(table["item_id"])
    cuts = np.flatnonzero(np.diff(users)) + 1
    asked = [
        _Asked(
            int(users[rows[0]]), items[rows], fitted.trained[[users[rows[0]]]].indices, ties[[users[rows[0]]]].indices
        )
        for rows in np.split(np.arange(len(users)), cuts)
        if len(rows)
    ]
    return _because(fitted, table, asked)


def _because(fitted: Fitted, table: pa.Table, asked: Sequence[_Asked]) -> pa.Table:
    """Return ``table``, the rows of those who ``asked`` one after the other, with the reasons for each row.

    because_items and because_friends are JSON lists of the raw ids that added most to the score, because_member is the
    member of the blend that did.
    """
    told: dict[str, list[str]] = {"because_items": [], "because_friends": [], "because_member": []}
    for each in asked:
        shares = _Shares.of(fitted, each)
        for place, item in enumerate(each.chosen):
            of_items, of_friends = shares.reasons(fitted, each, int(item))
            told["because_items"].append(_most(fitted.items, each.history, of_items))
            told["because_friends"].append(_most(fitted.users, each.friends, of_friends))
            told["because_member"].append(shares.members[place])
    for name, values in told.items():
        table = table.append_column(name, pa.array(values, pa.string()))
    return table


@dataclass(frozen=True, eq=False)
class _Shares:
    """How much a point of each member's score adds to the blended one of a user, and who adds most to each item."""

    points: dict[str, float]
    members: list[str]

    @classmethod
    def of(cls, fitted: Fitted, asked: _Asked) -> _Shares:
        assert fitted.recommender is not None
        if fitted.blend is None:
            return cls({OURS: 1.0}, [OURS] * len(asked.chosen))
        tables = fitted.recommender
        row = tables.fold_in(asked.history, asked.friends) if asked.user is None else tables.user_table[asked.user]
        own, history = (tables.item_table @ row)[None], _one_row(asked.history, len(fitted.items))
        said = fitted.blend.raw(own, history)
        spread = {name: float(deviations(scores)[0]) for name, scores in said.items()}
        weights = fitted.blend.heard({name: each > 0 for name, each in spread.items()})
        points = {name: weight / (spread[name] or 1.0) for name, weight in weights.items()}
        added = {
            name: points[name] * (said[name][0, asked.chosen] - said[name].mean(dtype=np.float64)) for name in points
        }
        names = list(added)
        most = np.argmax(np.stack([added[name] for name in names]), axis=0)
        return cls(points, [names[place] for place in most])

    def reasons(self, fitted: Fitted, asked: _Asked, item: int) -> tuple[Float32, Float32]:
        """Return what each of the user's items, and each friend, adds to the score of ``item``."""
        assert fitted.recommender is not None
        reasons = fitted.recommender.explain(asked.user, item, asked.history, asked.friends)
        own = np.float32(self.points.get(OURS, 0.0))
        of_items = own * reasons.items
        for name, table in {} if fitted.blend is None else fitted.blend.tables.items():
            of_items = of_items + np.float32(self.points.get(name, 0.0)) * table.shares(asked.history, item)
        return of_items, own * reasons.friends


def _most(ids: Ids, positions: Int64, shares: Float32) -> str:
    """Return a JSON list of the raw ids with the largest positive shares, at most ``REASONS``."""
    best = np.argsort(-shares, kind="stable")[:REASONS]
    return json.dumps(ids.take(positions[best[shares[best] > 0]]).to_pylist(), ensure_ascii=False)


def _one_row(chosen: Int64, width: int) -> sp.csr_matrix:
    ones = np.ones(len(chosen), np.float32)
    return sp.csr_matrix((ones, (np.zeros(len(chosen), int), chosen)), shape=(1, width))
