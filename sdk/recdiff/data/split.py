"""Divide each user's interactions into training, validation and test rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from recdiff.arrays import Int64, Positions
from recdiff.data.columns import check_mapping
from recdiff.data.notice import Notice, counted
from recdiff.data.problems import Problem, data_error
from recdiff.data.table_file import Table
from recdiff.errors import UsageError
from recdiff.graph.keys import keys_of

Matrices = tuple[sp.csr_matrix, sp.csr_matrix, sp.csr_matrix]
Parts = NDArray[np.int8]
SplitRule = Literal["ratio", "time"]

TRAIN, VALIDATION, TEST = 0, 1, 2


def names_for(mapping: Mapping[str, str] | None, split: SplitRule) -> dict[str, str]:
    """Return ``mapping`` once it and ``split`` make sense.

    Raises:
        UsageError: one of them does not.
    """
    if split not in ("ratio", "time"):
        raise UsageError(f"split={split!r} is unknown; accepted: ratio, time")
    return check_mapping(mapping)


@dataclass(frozen=True)
class Rows:
    """Distinct interactions in ascending order of (user, item) with the part each belongs to."""

    users: Int64
    items: Int64
    parts: Parts

    def matrices(self, shape: tuple[int, int]) -> Matrices:
        """Return the training, validation and test interactions, each of ``shape``."""

        def part(number: int) -> sp.csr_matrix:
            chosen = self.parts == number
            ones = np.ones(int(chosen.sum()), np.float32)
            return sp.csr_matrix((ones, (self.users[chosen], self.items[chosen])), shape=shape, dtype=np.float32)

        return part(TRAIN), part(VALIDATION), part(TEST)


def divide(
    table: Table, who: Positions, *, what: Positions, num_items: int, seed: int, rule: SplitRule
) -> tuple[Rows, list[Notice]]:
    """Return the distinct interactions of ``table``, divided as the file says or else by ``rule``.

    Args:
        who: (N,) user positions of the file's rows; what: (N,) item positions.

    Raises:
        UsageError: a split by time of a file that is divided already.
        DataError: a split by time without times.
    """
    if rule == "time" and table.split is not None:
        raise UsageError(f"{table.path} brings a split column; drop it, or do not ask for a split by time")
    if rule == "time" and table.time is None:
        problem = Problem("a split by time needs column timestamp (a number or a date per row); it is missing")
        raise data_error(table.path, [problem])
    key = keys_of(who, what, num_items, directed=True)
    value = table.split if table.split is not None else table.time
    # The smallest value of a repeated pair: its first time, or train before validation before test.
    order = np.argsort(key, kind="stable") if value is None else np.lexsort((value, key))
    first = np.concatenate(([True], np.diff(key[order]) != 0))
    kept = order[first]
    repeated = len(key) - len(kept)
    overlap = 0 if table.split is None else _overlaps(key[order], table.split[order])
    users, items = (each[kept].astype(np.int64) for each in (who, what))
    if table.split is not None:
        parts = table.split[kept]
    elif table.time is not None:
        parts = by_time(users, table.time[kept], seed)
    else:
        parts = by_ratio(users, seed)
    text = "repeated (user, item) rows dropped: {n}"
    notices = [*counted("duplicate_interactions", repeated - overlap, text), *overlap_notice(overlap)]
    return Rows(users, items, parts), notices


def _overlaps(key: Int64, part: Parts) -> int:
    """Count the further parts that pairs belong to; both (N,), sorted by key, then part."""
    return int(((np.diff(key) == 0) & (np.diff(part) != 0)).sum())


def overlap_notice(count: int) -> list[Notice]:
    """Say that ``count`` rows are dropped, whose pair belongs to more than one part."""
    text = "rows dropped whose (user, item) an earlier split has too (train, then validation, then test): {n}"
    return counted("split_overlap", count, text)


def by_ratio(users: Int64, seed: int) -> Parts:
    """Divide each user's rows 7:1:2 at random.

    Args:
        users: (N,) user of each row, ascending; the rows' own order must be canonical for the result to be.
        seed: of the random order.

    Returns:
        int8 (N,): TRAIN, VALIDATION or TEST. Of n rows (2n + 5) // 10 are test and (n + 5) // 10 validation, so
        the shares are rounded per user and every user keeps at least one training row.
    """
    return _last_are_test(users, np.argsort(users + np.random.default_rng(seed).random(len(users))))


def by_time(users: Int64, time: NDArray[np.float64], seed: int) -> Parts:
    """Divide each user's rows 7:1:2 in the order of time, the latest being test; equal times fall by ``seed``."""
    chance = np.random.default_rng(seed).random(len(users))
    return _last_are_test(users, np.lexsort((chance, time, users)))


def _last_are_test(users: Int64, order: Int64) -> Parts:
    """Mark the last rows of each user in ``order`` (a permutation that keeps users ascending) as test."""
    if len(users) == 0:
        return np.zeros(0, np.int8)
    counts = np.bincount(users)
    first = np.concatenate(([0], np.cumsum(counts)))[users]
    rank = np.arange(len(users)) - first
    rows = counts[users]
    test = rows - (2 * rows + 5) // 10
    parts = np.where(rank >= test, TEST, np.where(rank >= test - (rows + 5) // 10, VALIDATION, TRAIN))
    divided = np.empty(len(users), np.int8)
    divided[order] = parts
    return divided


def without(matrix: sp.csr_matrix, other: sp.csr_matrix) -> sp.csr_matrix:
    """Return the entries of ``matrix`` that are empty in ``other``."""
    left = matrix - matrix.multiply(other != 0)
    left.eliminate_zeros()
    return left


def binary(matrix: sp.csr_matrix, shape: tuple[int, int]) -> sp.csr_matrix:
    """Return ``matrix`` in the given shape with ones where it has entries, sorted."""
    csr = sp.csr_matrix(matrix, shape=shape, dtype=np.float32)
    csr.data[:] = 1
    csr.sort_indices()
    return csr
