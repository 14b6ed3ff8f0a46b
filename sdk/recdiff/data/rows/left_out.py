"""Rows that a reading leaves out because they have a fault: how many it may be, and the file that lists them."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from recdiff.data.problems import Problem, data_error
from recdiff.errors import UsageError
from recdiff.storage.whole import replaced_file

MOST = 0.01
"""The share of a table's rows that may be left out where nobody says otherwise."""
REMEDY = (
    "such rows can be left out: --skip-bad on the command line, skip_bad=0.01 in Python; "
    "at most 1 % of a table's rows unless another limit is given"
)


@dataclass(frozen=True)
class LeftRow:
    """One row that was left out.

    Attributes:
        file: the path of its file.
        row: line of the file where it starts; for Parquet the row itself (first = 1).
        column: the column's name as the file spells it; empty where the whole row is at fault.
        reason: what is wrong with it.
        raw: the row: a line of the text table, or JSON of a row of Parquet.
    """

    file: str
    row: int
    column: str
    reason: str
    raw: str


HEADER = tuple(field.name for field in fields(LeftRow))


def check_share(share: float | None) -> None:
    """Raise where ``share`` is none of a table's rows.

    Raises:
        UsageError: it is not above 0 and below 1.
    """
    if share is not None and not 0 < share < 1:
        raise UsageError(f"{share:g} is no share of rows that may be left out; accepted: above 0 and below 1, as 0.01")


def refuse_too_many(path: Path, left: Sequence[LeftRow], kept: int, share: float) -> None:
    """Raise where the rows ``left`` out of the table at ``path`` are more than ``share`` of all.

    Raises:
        DataError: they are; the first ones are named.
    """
    rows = len(left) + kept
    if len(left) <= share * rows:
        return
    text = (
        f"{len(left):,} of {rows:,} rows have a fault, more than the {share:.3g} of them that may be left out; "
        "mend the file, or raise --skip-bad-limit (skip_bad in Python)"
    )
    told = [Problem(each.reason, each.row, each.column or None) for each in left]
    raise data_error(path, [Problem(text), *told])


def left_out_file(model: Path) -> Path:
    """Return the file that lists the rows left out of the data of ``model``, which lies beside it."""
    return model.with_name(f"{model.name}.left-out.csv")


def check_place(file: Path) -> None:
    """Refuse a ``file`` that is there and does not begin as ours do.

    Raises:
        UsageError: it does not.
    """
    if file.exists() and not _is_ours(file):
        raise UsageError(
            f"{file} is not a list of rows left out, so it is not replaced; move it away or name another --out"
        )


def write_left_out(file: Path, left: Sequence[LeftRow]) -> None:
    """Write the rows that were left out as CSV; where there are none, an older list is removed.

    Raises:
        UsageError: ``file`` is there and none of ours.
        WriteError: it cannot be written.
    """
    check_place(file)
    if not left:
        file.unlink(missing_ok=True)
        return
    with replaced_file(file) as new, new.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(HEADER)
        writer.writerows(map(astuple, left))


def _is_ours(file: Path) -> bool:
    first = f"{','.join(HEADER)}\n".encode()
    if not file.is_file():
        return False
    with file.open("rb") as stream:
        return stream.read(len(first)) == first
