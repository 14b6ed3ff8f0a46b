"""Known real and fake edges or accounts: a table of src, dst, label or of user_id, label."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recdiff.data.columns import plain_name, resolve
from recdiff.data.edge_stream import ACCOUNTS, PAIRS, EdgeFiles, columns_of, open_edges, row_of
from recdiff.data.ids import Ids
from recdiff.data.problems import Problem, data_error, shorten
from recdiff.errors import DataError
from recdiff.storage.bounded import held

FAKE, REAL = ("fake", "bad"), ("real", "good")
# What values mean, by column: (fake, real). A column of truth counts fakes as 1, one of labels counts trust as 1; words
# mean the same in both, and true or false only what the column's name says.
MEANINGS = {
    "is_fake": (("1", *FAKE, "true"), ("0", *REAL, "false")),
    "label": (("-1", *FAKE), ("1", *REAL)),
}
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
    table, is_fake = _read(file, open_edges(file, mapping))
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
    """Read user_id and ``is_fake`` or ``label`` (values as ``read_labels``); None where the rows are about edges.

    Raises:
        DataError: the file cannot be read, an id is missing, or a value means neither.
    """
    header = columns_of(file)
    if "dst" in resolve(header, PAIRS, {})[0] or not resolve(header, ACCOUNTS, {})[0]:
        return None
    table, is_fake = _read(file, open_edges(file, names=ACCOUNTS))
    return AccountLabels(table["user_id"], is_fake)


def _read(file: Path, rows: EdgeFiles) -> tuple[pa.Table, NDArray[np.bool_]]:
    """Return all rows, and of each whether it is labelled fake, bool (B,)."""
    plain = {plain_name(column): column for column in reversed(rows.schema.names)}
    name = next((each for each in MEANINGS if each in plain), None)
    if name is None:
        raise DataError(f"{file}: has columns {', '.join(rows.schema.names)}; expected {rows.ids} and is_fake or label")
    table = pa.Table.from_batches(held(file, rows.batches()), rows.schema)
    if not len(table):
        raise DataError(f"{file}: no rows; expected {rows.ids} and label")
    return table, _meaning(file, table, plain[name], MEANINGS[name])


def _meaning(
    file: Path, table: pa.Table, name: str, meanings: tuple[tuple[str, ...], tuple[str, ...]]
) -> NDArray[np.bool_]:
    column, (fake, real) = table[name], meanings
    words = pc.utf8_trim_whitespace(pc.utf8_lower(pc.cast(column, pa.string()).fill_null("")))
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
