"""What was found in the data and handled, with its count. Letters: U users, I items, E edges."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import scipy.sparse as sp

from recdiff.arrays import Int64
from recdiff.data.problems import shorten
from recdiff.data.table_file import Table

SHOWN = 3


@dataclass(frozen=True)
class Notice:
    """One thing that was handled rather than refused.

    Attributes:
        kind: a fixed word for programs, such as ``duplicate_edges``.
        count: how many rows, users, items or edges it concerns.
        message: a sentence for people.
    """

    kind: str
    count: int
    message: str

    def __str__(self) -> str:
        return self.message


def counted(kind: str, count: int, message: str) -> list[Notice]:
    """Return the notice when there is anything to count; ``{n}`` in ``message`` becomes the count."""
    return [Notice(kind, count, message.format(n=f"{count:,}"))] if count else []


def look_alikes(ids: pa.Array, what: str) -> list[Notice]:
    """Return a notice where distinct text ``ids`` are the same but for what is seldom meant.

    These are spaces around them, leading zeros, a trailing ``.0`` and Unicode normal form.
    """
    if ids.type != pa.string() or not len(ids):
        return []
    plain = pc.utf8_trim_whitespace(pc.utf8_normalize(ids, "NFC"))
    plain = pc.replace_substring_regex(plain, r"^0+([0-9])", r"\1")
    plain = pc.replace_substring_regex(plain, r"^([0-9]+)\.0+$", r"\1")
    groups = pa.table({"plain": plain, "id": ids}).group_by("plain").aggregate([("id", "count")])
    groups = groups.filter(pc.greater(groups["id_count"], 1))
    if not len(groups):
        return []
    alike = [ids.filter(pc.equal(plain, each))[:2].to_pylist() for each in groups["plain"][:SHOWN]]
    shown = "; ".join(f"{shorten(one)} and {shorten(other)}" for one, other in alike)
    text = f"ids of {what} that differ from another only by spaces, leading zeros, .0 or Unicode form: {{n}} ({shown})"
    return counted("look_alike_ids", pc.sum(groups["id_count"]).as_py() - len(groups), text)


def coverage(matrices: tuple[sp.csr_matrix, sp.csr_matrix, sp.csr_matrix], edges: Int64) -> list[Notice]:
    """Count users and items that lack one kind of data.

    Args:
        matrices: training, validation and test interactions, (U, I) each.
        edges: (E, 2) user positions.
    """
    train, validation, test = matrices
    num_users, num_items = train.shape
    tied = np.zeros(num_users, bool)
    tied[edges.ravel()] = True
    if num_items == 0:
        return counted("users_without_ties", int((~tied).sum()), "users without edges: {n}")
    tested = np.diff(test.indptr) > 0
    active = (np.diff(train.indptr) > 0) | (np.diff(validation.indptr) > 0) | tested
    trained_items = np.bincount(train.indices, minlength=num_items) > 0
    new_items = (np.bincount(test.indices, minlength=num_items) > 0) & ~trained_items
    return [
        *counted("users_without_interactions", int((~active).sum()), "users with edges but no interactions: {n}"),
        *counted("users_without_ties", int((active & ~tied).sum()), "users with interactions but no edges: {n}"),
        *counted(
            "users_without_test_items", int((active & ~tested).sum()), "users with interactions but no test items: {n}"
        ),
        *counted("test_items_not_in_training", int(new_items.sum()), "test items never seen in training: {n}"),
    ]


def about(table: Table) -> list[Notice]:
    """Tell which columns of a file were not used."""
    notices = [
        Notice(
            f"{name}_not_used",
            table.rows,
            f"{table.path.name}: {name} is checked but not used, every row counts the same",
        )
        for name in table.checked
    ]
    if table.left_out:
        worst = table.left_out[0]
        text = f"{table.path.name}: rows left out because they have a fault: {{n}}, the first is row {worst.row}"
        notices += counted("rows_left_out", len(table.left_out), text)
    if table.unused:
        names = ", ".join(shorten(column) for column in table.unused)
        notices.append(Notice("unused_columns", len(table.unused), f"{table.path.name}: columns not used: {names}"))
    return notices
