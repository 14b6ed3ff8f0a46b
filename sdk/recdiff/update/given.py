"""What came since a fit, read and held against the model: new edges, new users, new interactions.

Letters: U users, I items, B new edges, N new interactions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recdiff.arrays import Float64, Int64
from recdiff.data.columns import INTERACTIONS, SOCIAL, Schema, check_mapping, map_beside
from recdiff.data.edge_stream import row_of
from recdiff.data.frames.rows import read_frame
from recdiff.data.ids import Coded, Ids, integers_of
from recdiff.data.input_files import read_tables
from recdiff.data.notice import Notice, counted
from recdiff.data.problems import Problem, data_error, shorten
from recdiff.data.table_file import Table
from recdiff.errors import DataError
from recdiff.graph.keys import among
from recdiff.graph.pairs import pair_keys
from recdiff.model.fitted import Fitted


@dataclass(frozen=True, eq=False)
class Given:
    """What is new, by the positions that users have with the new ones among them.

    Attributes:
        users: U, those of the model and the new ones. place: position of each of the model's users among them.
        edges: (B, 2), in order, none of which the model has. times: (B,) seconds, or None where the model has none.
        events: (N, 2) user and item of interactions, in order, none of which the model has.
        notices: what was left out.
    """

    users: Ids
    place: Int64
    edges: Int64
    times: Float64 | None
    events: Int64
    notices: tuple[Notice, ...]

    @cached_property
    def new_users(self) -> Int64:
        """The positions of the users that the model did not have."""
        return np.setdiff1d(np.arange(len(self.users)), self.place)

    @property
    def empty(self) -> bool:
        """Whether nothing is new."""
        return not len(self.edges) and not len(self.events)

    @property
    def unknown(self) -> int:
        """How many ends of new edges are of users that the model did not have."""
        return int(np.isin(self.edges, self.new_users).sum())


def held_against(fitted: Fitted, edges: Any, interactions: Any, mapping: Mapping[str, str] | None = None) -> Given:
    """Read what came since the fit.

    Args:
        edges: a file or a folder of parts with the columns of social.csv, or a frame; None: no edges.
        interactions: the same with those of interactions.csv.
        mapping: canonical column name -> name in the file, for names that are not recognised.

    Raises:
        DataError: they cannot be used; every problem is named by file, row and value.
        UsageError: a frame is no table, or ``mapping`` names an unknown column.
    """
    names = check_mapping(mapping)
    ties = None if edges is None else _table(edges, SOCIAL, names)
    events = None if interactions is None else _table(interactions, INTERACTIONS, names)
    if events is not None and len(fitted.items) == 0:
        raise data_error(events.path, [Problem("the model was fitted without interactions; fit again with them")])
    src, dst, times, notices = _ends(fitted, ties)
    who, items, more = _uses(fitted, events)
    users = _with_new(fitted.users, pa.concat_arrays([src, dst, who]))
    same = len(users) == len(fitted.users)
    place = np.arange(len(users)) if same else users.index(fitted.users.values)
    pairs, times, repeated = _new_edges(fitted, place, np.stack([users.index(src), users.index(dst)], axis=1), times)
    bought, again = _new_events(fitted, place, users.index(who), items)
    return Given(users, place, pairs, times, events=bought, notices=(*notices, *repeated, *more, *again))


def _table(given: Any, schema: Schema, mapping: Mapping[str, str]) -> Table:
    if not isinstance(given, str | PathLike):
        return read_frame(given, schema, mapping)
    path = Path(given)
    if not path.exists():
        raise DataError(f"{path}: no such file or folder")
    return read_tables(path, schema, {**map_beside(path), **mapping})


def _ends(fitted: Fitted, ties: Table | None) -> tuple[pa.Array, pa.Array, Float64 | None, list[Notice]]:
    """Return the ids of both ends of each row but those of a user with itself, (B,), and their times."""
    kind = fitted.users.values.type
    timed = "tied_at" in fitted.edges.column_names
    if ties is None:
        return pa.array([], kind), pa.array([], kind), np.empty(0) if timed else None, []
    src, dst = (_ids(ties, name, fitted.users) for name in ("src", "dst"))
    if timed and ties.time is None:
        text = "no column tied_at: the model knows when its edges came about; add when these did, or fit again without"
        raise data_error(ties.path, [Problem(text)])
    real = pc.not_equal(src, dst)
    kept = np.asarray(real.to_numpy(zero_copy_only=False), bool)
    times = ties.time[kept] if timed and ties.time is not None else None
    notices = counted("self_ties", int((~kept).sum()), "edges of a user with itself dropped: {n}")
    return src.filter(real), dst.filter(real), times, notices


def _uses(fitted: Fitted, events: Table | None) -> tuple[pa.Array, Int64, list[Notice]]:
    """Return the user's id and the item's position of each interaction with an item of the model, (N,)."""
    if events is None:
        return pa.array([], fitted.users.values.type), np.empty(0, np.int64), []
    what = events.ids["item_id"]
    items = fitted.items.index(what.values)[what.codes]
    there = items >= 0
    text = "interactions with items that the model does not have, left out: {n}; the next fit takes them in"
    who = _ids(events, "user_id", fitted.users).filter(pa.array(there))
    return who, items[there], counted("unknown_items", int((~there).sum()), text)


def _ids(table: Table, name: str, users: Ids) -> pa.Array:
    """Return a column of user ids (B,) as the model spells ids.

    Raises:
        DataError: the model's are whole numbers, and one here is not.
    """
    column: Coded = table.ids[name]
    if not users.integers:
        return column.values.cast(pa.string()).take(pa.array(column.codes))
    whole = column.values if column.values.type == pa.int64() else integers_of(column.values)
    if whole is not None:
        return whole.take(pa.array(column.codes))
    plain = [integers_of(column.values.slice(at, 1)) is not None for at in range(len(column.values))]
    first = int(np.argmin(np.asarray(plain)[column.codes]))
    value = shorten(column.values[int(column.codes[first])].as_py())
    row = row_of(table.path, first) if table.path.is_file() else first
    text = f"{value} is no whole number, as all user ids of the model are; correct it, or fit again on all data"
    raise data_error(table.path, [Problem(text, row, name)])


def _with_new(users: Ids, ids: pa.Array) -> Ids:
    """Return the ids of the model and those in ``ids`` that it does not have."""
    distinct = pc.unique(ids)
    new = distinct.filter(pa.array(users.index(distinct) < 0))
    if not len(new):
        return users
    every = pa.concat_arrays([users.values, new])
    return Ids(every.take(pc.sort_indices(every)))


def _new_edges(
    fitted: Fitted, place: Int64, pairs: Int64, times: Float64 | None
) -> tuple[Int64, Float64 | None, list[Notice]]:
    """Return the distinct ``pairs`` (B, 2) that are no edge of the model, in order, each with its earliest time.

    An undirected edge that comes both ways round is kept with the smaller id first.
    """
    count, directed = int(max(place.max(), pairs.max(initial=0))) + 1, fitted.directed
    key = pair_keys(pairs, count, directed)
    order = np.lexsort((pairs[:, 0], key))
    key, pairs = key[order], pairs[order]
    starts = np.flatnonzero(np.append(True, key[1:] != key[:-1])[: len(key)])
    if times is not None and len(starts):
        times = np.minimum.reduceat(times[order], starts)
    distinct = key[starts]
    held = pair_keys(place[fitted.pairs], count, directed)
    there = among(distinct, np.sort(held[among(held, distinct)]))
    arcs = len(np.unique(pair_keys(pairs, count, directed=True)))
    notices = counted("duplicate_edges", len(key) - arcs, "repeated edges dropped: {n}")
    if not fitted.mirrored:
        text = "edges listed in both directions, counted once: {n}"
        notices += counted("merged_edges", arcs - len(distinct), text)
    notices += counted("known_edges", int(there.sum()), "edges that the model has already, left out: {n}")
    return pairs[starts][~there], None if times is None else times[~there], notices


def _new_events(fitted: Fitted, place: Int64, users: Int64, items: Int64) -> tuple[Int64, list[Notice]]:
    """Return the distinct pairs of ``users`` and ``items`` (N,) that the model has not seen, in order, (N', 2)."""
    width = max(len(fitted.items), 1)
    key = np.unique(users * width + items)
    back = np.full(int(max(place.max(), users.max(initial=0))) + 1, -1)
    back[place] = np.arange(len(place))
    known = np.unique(back[key // width])
    known = known[known >= 0]
    seen = fitted.seen[known]
    held = np.repeat(place[known], np.diff(seen.indptr)) * width + seen.indices
    there = among(key, np.sort(held))
    notices = counted("repeated_interactions", len(users) - len(key), "repeated interactions dropped: {n}")
    text = "interactions that the model has already, left out: {n}"
    notices += counted("known_interactions", int(there.sum()), text)
    return np.stack(np.divmod(key[~there], width), axis=1), notices
