"""Answers to /score and /recommend, row by row: an id that the model lacks is told of, and the rest is answered.

What this module reads of a request it refuses with a RequestError; the scores themselves come from the queues.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from recdiff.arrays import Float32, Int64
from recdiff.errors import DataError
from recdiff_export.runtime.id_columns import refuse_self_ties, unknown_words
from recdiff_export.runtime.scorer import OnnxScorer
from recdiff_export.serve.fields import id_column, id_list
from recdiff_export.serve.json_body import RequestError
from recdiff_export.serve.options import ServeOptions

Unknown = Literal["null", "error"]
Told = dict[str, Any]
NEW = ("history", "friends")
"""Fields that speak of somebody new."""
# Rows that an answer tells of, so that a body full of strangers is not answered by one many times its size.
MOST_TOLD = 1000
_LONGEST = 60
ADVICE = {
    "/score": 'Leave them out, or send "unknown": "null" to have the other rows scored',
    "/infer": "Leave them out, or ask POST /score, which scores the other rows",
    "/recommend": 'Leave them out, send "unknown": "null", or ask by the history and friends of somebody new',
    "new": 'Leave them out, or send "unknown": "null" to go by the others',
}
"""What to do about unknown ids, by where they were sent."""


@dataclass(frozen=True)
class Wanted:
    """A request to /recommend: ``users`` that the model knows, or the history and friends of somebody new."""

    k: int
    unknown: Unknown
    users: list[Any] | None
    history: list[Any]
    friends: list[Any]

    @property
    def rows(self) -> int:
        """What it counts for in the queue."""
        size = len(self.history) + len(self.friends) + self.k if self.users is None else len(self.users) * self.k
        return max(size, 1)


def unknown_field(said: dict[str, Any]) -> Unknown:
    """Return the field "unknown"."""
    value = said.get("unknown", "null")
    if value not in ("null", "error"):
        raise RequestError('unknown must be "null" (the other rows are answered) or "error" (none is)')
    return "error" if value == "error" else "null"


def wanted(said: dict[str, Any], options: ServeOptions) -> Wanted:
    """Return what a body of /recommend asks for."""
    k, most = said.get("k", 10), options.max_rows
    if isinstance(k, bool) or not isinstance(k, int) or not 1 <= k <= options.max_k:
        raise RequestError(f"k must be a whole number from 1 to {options.max_k}")
    unknown = unknown_field(said)
    if not any(name in said for name in NEW):
        users = id_list(said, "users", most)
        if len(users) * k > most:
            raise RequestError(f"{len(users)} users times k = {k}; at most {most} items a request", 413)
        return Wanted(k, unknown, users, [], [])
    if "users" in said:
        raise RequestError("give users that the model knows, or history and friends of somebody new, not both")
    history, friends = (id_list(said, name, most) if name in said else [] for name in NEW)
    if not history and not friends:
        raise RequestError("somebody new needs a history of items, or friends; give at least one")
    return Wanted(k, unknown, None, history, friends)


def pair_positions(
    scorer: OnnxScorer, src: list[Any], dst: list[Any], unknown: Unknown, advice: str
) -> tuple[Int64, Int64, Told]:
    """Return the positions of two id columns, -1 where unknown, and what the answer says of such rows.

    Raises:
        DataError: an id is unknown and ``unknown`` is "error", or the columns do not pair up.
    """
    columns = [id_column(values, name) for values, name in ((src, "src"), (dst, "dst"))]
    left, right = scorer.positions(columns[0], columns[1], unknown="null")
    if unknown == "error":
        for column, positions in zip(columns, (left, right), strict=True):
            refuse(column, positions, advice)
        refuse_self_ties(columns[0], left == right, advice)
    return left, right, _told_of_pairs(src, dst, left, right)


def refuse(column: pa.Array, positions: Int64, advice: str, kind: str = "user") -> None:
    """Refuse unknown ids.

    Raises:
        DataError: there are such.
    """
    words = unknown_words(column, positions, kind)
    if words:
        raise DataError(f"{words}. {advice}")


def scores_as_json(scores: Float32) -> list[float | None]:
    """Return scores with None where there is none."""
    return [None if value != value else value for value in scores.tolist()]


def recommended(scorer: OnnxScorer, asked: Wanted) -> dict[str, Any]:
    """Return the answer to /recommend.

    Raises:
        DataError: an id is unknown and ``asked.unknown`` is "error", or the model cannot recommend.
    """
    return _to_somebody_new(scorer, asked) if asked.users is None else _to_known(scorer, asked, asked.users)


def _to_known(scorer: OnnxScorer, asked: Wanted, users: list[Any]) -> dict[str, Any]:
    # "7" and 7 name the same user, so answers are found again by their text.
    distinct = list(dict.fromkeys(map(str, users)))
    column = id_column(distinct, "users")
    positions = scorer.lookup.index(column)
    if asked.unknown == "error":
        refuse(column, positions, ADVICE["/recommend"])
    table = scorer.recommend(column.filter(pa.array(positions >= 0)), asked.k)
    found: dict[str, dict[str, list[Any]]] = {user: {"items": [], "scores": []} for user in distinct}
    columns = (table[name].to_pylist() for name in ("user_id", "item_id", "score"))
    for user, item, score in zip(*columns, strict=True):
        found[str(user)]["items"].append(item)
        found[str(user)]["scores"].append(score)
    known = dict(zip(distinct, (positions >= 0).tolist(), strict=True))
    errors = [{"row": at, "error": _words("user", user)} for at, user in enumerate(users) if not known[str(user)]]
    return {"recommendations": [{"user": user, **found[str(user)]} for user in users], **_told(errors)}


def _to_somebody_new(scorer: OnnxScorer, asked: Wanted) -> dict[str, Any]:
    kept, errors = {}, []
    for name, given, find, kind in (
        ("history", asked.history, scorer.items.index, "item"),
        ("friends", asked.friends, scorer.lookup.index, "user"),
    ):
        column = id_column(given, name)
        positions = find(column)
        if asked.unknown == "error":
            refuse(column, positions, ADVICE["new"], kind)
        kept[name] = column.filter(pa.array(positions >= 0))
        missing = np.flatnonzero(positions < 0).tolist()
        errors += [{"field": name, "row": at, "error": _words(kind, given[at])} for at in missing]
    if not any(map(len, kept.values())):
        raise DataError("none of the items and friends is in the model; ask again with some that are")
    table = scorer.recommend_new(kept["history"], kept["friends"], asked.k)
    entry = {"user": None, "items": table["item_id"].to_pylist(), "scores": table["score"].to_pylist()}
    return {"recommendations": [entry], **_told(errors)}


def _told_of_pairs(src: list[Any], dst: list[Any], left: Int64, right: Int64) -> Told:
    rows = np.flatnonzero((np.minimum(left, right) < 0) | (left == right)).tolist()
    errors = []
    for at in rows[:MOST_TOLD]:
        missing = dict.fromkeys(_words("user", raw[at]) for raw, there in ((src, left), (dst, right)) if there[at] < 0)
        errors.append({"row": at, "error": "; ".join(missing) or f"{_shown(src[at])} twice: an edge joins two users"})
    return _told(errors, len(rows))


def _told(errors: list[dict[str, Any]], count: int | None = None) -> Told:
    """Return what an answer says of ``errors``, of which there are ``count`` in all."""
    told = errors[:MOST_TOLD]
    return {"errors": told, "further_errors": (len(errors) if count is None else count) - len(told)}


def _words(kind: str, raw: Any) -> str:
    return f"{kind} {_shown(raw)} is not in the model"


def _shown(raw: Any) -> str:
    return repr(raw[:_LONGEST] if isinstance(raw, str) else raw)
