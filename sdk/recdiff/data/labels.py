"""Known real and fake edges or accounts: a table of src, dst, label or of user_id, label."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from recdiff.data.edge_stream import iter_edge_batches, row_of
from recdiff.data.ids import Ids
from recdiff.data.problems import Problem, data_error, shorten
from recdiff.data.rows.faults import id_faults
from recdiff.data.table_file import DAMAGED, unreadable
from recdiff.data.text_file import TextFile, is_parquet
from recdiff.errors import DataError
from recdiff.storage.bounded import held, read_parquet

FAKE, REAL = ("fake", "bad"), ("real", "good")
# What values mean, by column: (fake, real). A column of truth counts fakes as 1, one of labels counts trust as 1; words
# mean the same in both, and true or false only what the column's name says.
MEANINGS = {
    "is_fake": (("1", *FAKE, "true"), ("0", *REAL, "false")),
    "label": (("-1", *FAKE), ("1", *REAL)),
}
ACCOUNT = "user_id"
SHOWN = 5
"""Edges named as examples."""


@dataclass(frozen=True, eq=False)
class Labels:
    """Edges whose nature is known.

    Attributes:
        pairs: int64 (B, 2) user positions.
        is_fake: bool (B,).
        unknown: rows that name a user who is not in the data, left out.
        strangers: a few of these, src and dst as they are written.
    """

    pairs: NDArray[np.int64]
    is_fake: NDArray[np.bool_]
    unknown: int
    strangers: tuple[tuple[str, str], ...] = ()


def read_labels(file: Path, users: Ids, mapping: Mapping[str, str] | None = None) -> Labels:
    """Read src, dst and ``is_fake`` (1, true, fake, bad; 0, ...) or ``label`` (fake, bad, -1; real, good, 1).

    Args:
        mapping: src or dst -> what the file calls it.

    Raises:
        DataError: the file cannot be read, neither column is there, or a value means neither.
    """
    batches = list(held(file, iter_edge_batches(file, mapping=mapping)))
    if not batches:
        raise DataError(f"{file}: no rows; expected src, dst and label")
    table = pa.Table.from_batches(batches)
    name = next((each for each in MEANINGS if each in table.column_names), None)
    if name is None:
        raise DataError(f"{file}: has columns {', '.join(table.column_names)}; expected src, dst and is_fake or label")
    is_fake = _meaning(file, table[name], name)
    pairs = np.stack([users.index(table[end]) for end in ("src", "dst")], axis=1)
    known = (pairs >= 0).all(axis=1)
    strangers = table.select(["src", "dst"]).take(np.flatnonzero(~known)[:SHOWN]).to_pylist()
    named = tuple((str(each["src"]), str(each["dst"])) for each in strangers)
    return Labels(pairs[known], is_fake[known], int((~known).sum()), named)


@dataclass(frozen=True, eq=False)
class AccountLabels:
    """Accounts whose nature is known.

    Attributes:
        ids: (B,) raw user ids, as they are written. is_fake: bool (B,).
    """

    ids: pa.ChunkedArray
    is_fake: NDArray[np.bool_]


def read_account_labels(file: Path) -> AccountLabels | None:
    """Read ``user_id`` and ``is_fake`` or ``label`` (values as ``read_labels``); None where it has no ``user_id``.

    Raises:
        DataError: the file cannot be read, an id is missing, or a value means neither.
    """
    if not file.is_file():
        return None
    text = None if is_parquet(file) else TextFile.of(file)
    try:
        header = pq.read_schema(file).names if text is None else list(text.header)
        name = next((each for each in MEANINGS if each in header), None)
        if name is None or header.count(ACCOUNT) != 1 or "dst" in header:
            return None
        if text is None:
            table = read_parquet(file).select([ACCOUNT, name])
        else:
            batches = list(held(file, text.batches([ACCOUNT, name], pa.string())))
            table = pa.Table.from_batches(batches, pa.schema([(ACCOUNT, pa.string()), (name, pa.string())]))
    except DAMAGED as error:
        raise unreadable(file, error) from None
    faults, count = id_faults(table[ACCOUNT], any_size=True)
    if count:
        placed = [Problem(each.text, row_of(file, each.row or 0), ACCOUNT) for each in faults]
        raise data_error(file, placed, count)
    return AccountLabels(table[ACCOUNT], _meaning(file, table[name], name))


def _meaning(file: Path, column: pa.ChunkedArray, name: str) -> NDArray[np.bool_]:
    words = pc.utf8_trim_whitespace(pc.utf8_lower(pc.cast(column, pa.string()).fill_null("")))
    fake, real = MEANINGS[name]
    says = np.asarray(pc.is_in(words, pa.array(fake)).to_numpy(), bool)
    known = says | np.asarray(pc.is_in(words, pa.array(real)).to_numpy(), bool)
    if not known.all():
        index = int(np.argmin(known))
        text = (
            f"{shorten(column[index].as_py())} is no label; "
            f"accepted: {', '.join(fake)} (fake) and {', '.join(real)} (real)"
        )
        # Rows of a folder of parts are not counted file by file.
        raise data_error(file, [Problem(text, row_of(file, index) if file.is_file() else None, name)])
    return says
