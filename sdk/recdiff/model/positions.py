"""Positions of raw ids that a caller gives; what the model does not know is named, never guessed. Letters: B ids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from recdiff.arrays import Int64
from recdiff.data.ids import Ids, as_ids
from recdiff.data.problems import shorten
from recdiff.errors import DataError

NAMED, LONGEST = 5, 80


def user_positions(users: Ids, raw: Any, name: str) -> Int64:
    """Return the positions (B,) of raw user ids, which the caller knows as ``name``.

    Raises:
        DataError: for ids that are neither whole numbers nor text, and for users the model does not know.
    """
    try:
        ids = as_ids(raw)
    except ValueError as error:
        raise DataError(f"{name}: {error}") from error
    positions = users.index(ids)
    unknown = ids.take(pa.array(np.flatnonzero(positions < 0)[:NAMED])).to_pylist()
    if unknown:
        count = int((positions < 0).sum())
        raise DataError(
            f"{name}: {count} of {len(positions)} users are not in the model: "
            f"{', '.join(map(_named, unknown))}{' ...' if count > NAMED else ''}; fit on data that have them"
        )
    return positions


def pair_positions(users: Ids, src: Any, dst: Any) -> Int64:
    """Return the positions (B, 2) of raw user ids, two a row.

    Raises:
        DataError: as ``user_positions``, and where both of a row are one user.
    """
    pairs = np.stack([user_positions(users, src, "src"), user_positions(users, dst, "dst")], axis=1)
    twice = np.flatnonzero(pairs[:, 0] == pairs[:, 1])
    if len(twice):
        named = ", ".join(map(_named, users.take(pairs[twice[:NAMED], 0]).to_pylist()))
        raise DataError(
            f"src and dst are one user in {len(twice)} of {len(pairs)} rows: "
            f"{named}{' ...' if len(twice) > NAMED else ''}; an edge joins two different users, leave such rows out"
        )
    return pairs


def item_positions(items: Ids, raw: Sequence[Any]) -> Int64:
    """Return the positions (B,) of raw item ids.

    Raises:
        DataError: for an item the model does not know.
    """
    positions = items.index(as_ids(list(raw)) if len(raw) else pa.array([], items.values.type))
    if len(positions) and positions.min() < 0:
        unknown = _named(raw[int(np.argmin(positions))])
        raise DataError(f"item {unknown} is not in the model: it was in no interaction")
    return positions


def _named(raw: object) -> str:
    return shorten(raw, LONGEST)
