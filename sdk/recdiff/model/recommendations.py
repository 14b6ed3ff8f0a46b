"""Recommendations as tables of raw ids, and the reasons for them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import scipy.sparse as sp
from numpy.typing import NDArray

from recdiff.arrays import Float32, Int64
from recdiff.data.ids import Ids
from recdiff.graph.adjacency import social_adjacency
from recdiff.metrics.ranking import mask_rows, top_items
from recdiff.model.fitted import Fitted

# Users whose item scores are held at once.
BLOCK = 1024
REASONS = 3


def because(
    fitted: Fitted, table: pa.Table, rows: Sequence[tuple[int | None, int, NDArray[Any], NDArray[Any]]]
) -> pa.Table:
    """Return ``table`` with because_items and because_friends; ``rows``: user, item, the user's items and edges."""
    assert fitted.recommender is not None
    told: dict[str, list[str]] = {"because_items": [], "because_friends": []}
    for user, item, history, ties in rows:
        reasons = fitted.recommender.explain(user, item, history, ties)
        told["because_items"].append(_most(fitted.items, history, reasons.items))
        told["because_friends"].append(_most(fitted.users, ties, reasons.friends))
    for name, values in told.items():
        table = table.append_column(name, pa.array(values))
    return table


def _most(ids: Ids, positions: Int64, shares: Float32) -> str:
    """Return a JSON list of the raw ids with the largest positive shares, at most ``REASONS``."""
    best = np.argsort(-shares, kind="stable")[:REASONS]
    return json.dumps(ids.take(positions[best[shares[best] > 0]]).to_pylist(), ensure_ascii=False)


def top_table(fitted: Fitted, users: pa.Array, rows: Float32, seen: sp.csr_matrix | None, k: int) -> pa.Table:
    """Return the best items of user rows (B, V) as a table, masking ``seen`` (B, I)."""
    assert fitted.recommender is not None
    parts: list[tuple[Int64, Int64, Int64, Float32]] = []
    columns = np.ascontiguousarray(fitted.recommender.item_table.T)
    for start in range(0, len(rows), BLOCK):
        scores = np.asarray(rows[start : start + BLOCK] @ columns, np.float32)
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
    seen = sp.csr_matrix((np.ones(len(items)), (np.zeros(len(items), int), items)), shape=(1, len(fitted.items)))
    table = top_table(fitted, pa.array(["new"]), row, seen if exclude_seen else None, k).drop_columns(["user_id"])
    if not explain:
        return table
    chosen = fitted.items.index(table["item_id"])
    return because(fitted, table, [(None, int(item), items, friends) for item in chosen])


def explained(fitted: Fitted, table: pa.Table) -> pa.Table:
    """Return recommendations with because_items and because_friends; see ``because``."""
    friends = social_adjacency(fitted.pairs, len(fitted.users), directed=False)
    users, items = fitted.users.index(table["user_id"]), fitted.items.index(table["item_id"])
    rows = [
        (int(user), int(item), fitted.trained[[user]].indices, friends[[user]].indices)
        for user, item in zip(users, items, strict=True)
    ]
    return because(fitted, table, rows)
