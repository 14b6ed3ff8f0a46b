"""Run recommender.onnx and turn positions back into raw ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recdiff.arrays import Int64
from recdiff.data.ids import Ids
from recdiff.errors import ArtifactError
from recdiff_export.bundle.held import Held
from recdiff_export.bundle.names import HISTORY_INDPTR_FILE, HISTORY_ITEMS_FILE, RECOMMENDER_TABLES, member_files
from recdiff_export.runtime.provider import GraphFile, Spec
from recdiff_export.runtime.workers import Workers

# Numbers that scores held at once are made of, users * items and what a blend adds up to them: bounds memory at about
# 64 MiB of scores whatever is asked.
_MOST_SCORES = 1 << 24
# Users of one block at least: fewer are not worth a thread.
_FEWEST_USERS = 16
INPUTS: Mapping[str, Spec] = {"user": ("int64", (None,)), "k": ("int64", (1,))}
OUTPUTS: Mapping[str, Spec] = {"item": ("int64", (None, None)), "score": ("float32", (None, None))}


@dataclass(frozen=True)
class Costs:
    """What the scores of a user are made of: one number an item, and ``entries`` of tables for each of their items.

    Attributes:
        starts: (U + 1,) where the list of each user's items begins; None without a blend.
    """

    items: int
    entries: int = 0
    starts: NDArray[np.int64] | None = None

    def of(self, positions: Int64) -> int:
        """Return the mean over users."""
        if self.starts is None or len(positions) == 0:
            return self.items + 1
        count = self.starts[positions + 1] - self.starts[positions]
        return self.items + 1 + self.entries * (int(count.mean()) + 1)


def require_tables(files: Mapping[str, Held], users: int, items: int, members: Sequence[str]) -> Costs:
    """Check the tables beside the graph, and the lists of items, whose longest the graph makes room for.

    Args:
        members: of the blend, those with a table.

    Raises:
        ArtifactError: they do not fit the numbers of users and items.
    """
    per_user, per_item, indptr, seen = (files[name] for name in RECOMMENDER_TABLES)
    width = len(per_item) // 4 // (items + 1)
    for held, rows in ((per_user, users), (per_item, items + 1)):
        if len(held) != 4 * rows * width:
            raise ArtifactError(f"{held.path}: {len(held)} bytes are not {rows} rows; export the bundle again")
    _starts(indptr, seen, users)
    if not members:
        return Costs(items)
    starts = _starts(files[HISTORY_INDPTR_FILE], files[HISTORY_ITEMS_FILE], users)
    tables = [member_files(each) for each in members]
    entries = sum(_entries(files[follows], files[weights], items) for follows, weights in tables)
    return Costs(items, entries, starts)


def _starts(indptr: Held, listed: Held, users: int) -> NDArray[np.int64]:
    """Return where each user's list begins, (U + 1,)."""
    fits = len(indptr) == 8 * (users + 1) and len(listed) % 4 == 0
    starts = np.frombuffer(indptr.data, "<i8") if fits else np.array([-1])
    if starts[0] != 0 or starts[-1] != len(listed) // 4 - 1 or (np.diff(starts) < 0).any():
        raise ArtifactError(
            f"{indptr.path}: does not fit {users} users and {listed.path.name}; export the bundle again"
        )
    return starts


def _entries(follows: Held, weights: Held, items: int) -> int:
    """Return how many entries a row of a member's table has; its items have to be looked at, the graph does not."""
    width, rest = divmod(len(follows), 4 * (items + 1))
    if rest or width == 0 or len(weights) != len(follows):
        raise ArtifactError(f"{follows.path}: does not fit {items} items and {weights.path.name}; export again")
    reached = np.frombuffer(follows.data, "<i4")
    if not 0 <= reached.min() <= reached.max() <= items:
        raise ArtifactError(f"{follows.path}: names an item that is not in the bundle; export it again")
    return width


@dataclass(frozen=True)
class Recommender:
    """The recommender's graph with the ids it speaks of; ``threads`` blocks of users are computed at once.

    ``costs`` say how many users a block has room for.
    """

    graph: GraphFile
    users: Ids
    items: Ids
    threads: int
    workers: Workers
    costs: Costs

    def best(self, positions: Int64, k: int) -> pa.Table:
        """Return user_id, item_id, score, rank of the ``k`` best unseen items of each user position.

        A user with fewer than ``k`` unseen items gets fewer rows.

        Raises:
            ArtifactError: the graph names an item that there is not.
        """
        step = max(_MOST_SCORES // self.threads // self.costs.of(positions), 1)
        step = min(step, max(-(-len(positions) // self.threads), _FEWEST_USERS))
        starts = range(0, len(positions), step)
        blocks = self.workers.map(lambda at: self._block(positions[at : at + step], k), starts)
        row, item, score, rank = (
            np.concatenate([block[column] for block in blocks]) if blocks else np.empty(0, kind)
            for column, kind in enumerate((np.int64, np.int64, np.float32, np.int64))
        )
        if len(item) and not 0 <= item.min() <= item.max() < len(self.items):
            raise ArtifactError(f"{self.graph.path}: names an item that is not in the bundle; export it again")
        offset = np.repeat(np.arange(len(blocks)) * step, [len(block[0]) for block in blocks])
        columns = {
            "user_id": self.users.take(positions[row + offset]),
            "item_id": self.items.take(item),
            "score": pa.array(score),
            "rank": pa.array(rank, pa.int32()),
        }
        return pa.table(columns)

    def _block(self, positions: Int64, k: int) -> tuple[NDArray[Any], ...]:
        feeds = {"user": positions, "k": np.array([k], np.int64)}
        item, score = self.graph.run(["item", "score"], feeds, rows=len(positions))
        row, rank = np.nonzero(score > -np.inf)
        return row, item[row, rank], score[row, rank], rank + 1
