"""Columns of raw ids: those of a bundle, those that a caller gives, and what is said of ids that a model lacks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recdiff.arrays import Int64, Mask
from recdiff.data.ids import Ids, as_ids
from recdiff.errors import ArtifactError, DataError
from recdiff_export.bundle.held import Held

_NAMED = 10


def held_ids(held: Held, count: int) -> Ids:
    """Return the ``count`` raw ids that a file of a bundle holds.

    Raises:
        ArtifactError: it holds something else.
    """
    try:
        table = pa.ipc.open_file(pa.py_buffer(held.data)).read_all()
        table.validate(full=True)
        ids = Ids(table["id"].combine_chunks())
    except (pa.ArrowException, ValueError, KeyError, OSError, MemoryError) as error:
        said = " ".join(str(error).split())[:200]
        raise ArtifactError(f"{held.path}: not a column of ids ({said}); export the bundle again") from None
    if len(ids) != count:
        raise ArtifactError(f"{held.path}: {len(ids)} ids, and the manifest says {count}; export the bundle again")
    if ids.values.null_count or pc.all(pc.less(ids.values[:-1], ids.values[1:])).as_py() is False:
        raise ArtifactError(f"{held.path}: ids are missing or not in ascending order; export the bundle again")
    return ids


def as_column(values: Any, name: str) -> pa.Array:
    """Return ids (a list, NumPy, Arrow) as one column.

    Raises:
        DataError: they are none.
    """
    if isinstance(values, str | bytes):
        raise DataError(f"{name}: {str(values)[:60]!r} is one value; pass a list of ids")
    try:
        return as_ids(values)
    except TypeError:
        raise DataError(f"{name}: expected a list of whole numbers or text, got {type(values).__name__}") from None
    except (ValueError, pa.ArrowException) as error:
        raise DataError(f"{name}: {str(error)[:300]}") from None


def unknown_words(raw: pa.Array, positions: Int64, kind: str = "user") -> str:
    """Return which of the ids ``raw`` have no position in the model, or "" where all have one."""
    missing = np.flatnonzero(positions < 0)
    if len(missing) == 0:
        return ""
    names = raw.take(pa.array(missing)).unique()
    return f"{len(names)} {kind}{'s are' if len(names) > 1 else ' is'} not in the model: {_shown(names)}"


def refuse_unknown(raw: pa.Array, positions: Int64, advice: str, kind: str = "user") -> None:
    """Refuse ids without a position.

    Raises:
        DataError: there are such; the message names them and ends with the ``advice``.
    """
    words = unknown_words(raw, positions, kind)
    if words:
        raise DataError(f"{words}. {advice}")


def refuse_self_ties(raw: pa.Array, twice: Mask, advice: str) -> None:
    """Refuse edges of one user ``twice`` (B,), whose ends are both the id in ``raw``.

    Raises:
        DataError: there are such; the message names them and ends with the ``advice``.
    """
    if twice.any():
        shown = _shown(raw.filter(pa.array(twice)).unique())
        raise DataError(f"an edge joins two different users; src and dst are both {shown}. {advice}")


def _shown(names: pa.Array) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(repr(value) for value in names[:_NAMED].to_pylist()) + more
