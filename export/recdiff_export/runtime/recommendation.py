"""Run recommender.onnx and turn positions back into raw ids."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recdiff.arrays import Int64
from recdiff.data.ids import Ids
from recdiff.errors import ArtifactError
from recdiff_export.bundle.held import Held
from recdiff_export.bundle.names import RECOMMENDER_TABLES
from recdiff_export.runtime.provider import GraphFile, Spec
from recdiff_export.runtime.workers import Workers

# Scores held at once, users * items: bounds memory at about 64 MiB whatever is asked.
_MOST_SCORES = 1 << 24
# Users of one block at least: fewer are not worth a thread.
_FEWEST_USERS = 16
INPUTS: Mapping[str, Spec] = {"user": ("int64", (None,)), "k": ("int64", (1,))}
OUTPUTS: Mapping[str, Spec] = {"item": ("int64", (None, None)), "score": ("float32", (None, None))}


def require_tables(files: Mapping[str, Held], users: int, items: int) -> None:
    """Check the tables beside the graph, and the lists of seen items, whose longest the graph makes room for.

    Raises:
        ArtifactError: they do not fit the numbers of users and items.
    """
    per_user, per_item, indptr, seen = (files[name] for name in RECOMMENDER_TABLES)
    width = len(per_item) // 4 // (items + 1)
    for held, rows in ((per_user, users), (per_item, items + 1)):
        if len(held) != 4 * rows * width:
            raise ArtifactError(f"{held.path}: {len(held)} bytes are not {rows} rows; export the bundle again")
    fits = len(indptr) == 8 * (users + 1) and len(seen) % 4 == 0
    starts = np.frombuffer(indptr.data, "<i8") if fits else np.array([-1])
    if starts[0] != 0 or starts[-1] != len(seen) // 4 - 1 or (np.diff(starts) < 0).any():
        raise ArtifactError(f"{indptr.path}: does not fit {users} users and {seen.path.name}; export the bundle again")


@dataclass(frozen=True)
class Recommender:
    """The recommender's graph with the ids it speaks of; ``threads`` blocks of users are computed at once."""

    graph: GraphFile
    users: Ids
    items: Ids
    threads: int
    workers: Workers

    def best(self, positions: Int64, k: int) -> pa.Table:
        """Return user_id, item_id, score, rank of the ``k`` best unseen items of each user position.

        A user with fewer than ``k`` unseen items gets fewer rows.

        Raises:
            ArtifactError: the graph names an item that there is not.
        """
        step = max(_MOST_SCORES // self.threads // (len(self.items) + 1), 1)
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
