"""Known real and fake edges: a table of src, dst, label."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recdiff.data.edge_stream import iter_edge_batches, row_of
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
