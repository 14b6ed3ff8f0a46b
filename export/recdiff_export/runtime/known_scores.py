"""Stored out-of-fold scores of the fitted edges.

The full-graph tables have seen these edges and would make each look real, so a bundle carries the score that the
fold without the edge gave: 8 bytes of key, 4 of score and 4 to 8 of bucket per edge, mapped from disk.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recdiff.arrays import Float32, Int64
from recdiff.errors import ArtifactError
from recdiff_export.bundle.names import FITTED_KEYS_FILE, FITTED_SCORES_FILE, FITTED_STARTS_FILE
from recdiff_export.bundle.parts import FittedEdges
from recdiff_export.runtime.hash_table import KeyTable, build_key_table, pair_keys

_FILES = (FITTED_STARTS_FILE, FITTED_KEYS_FILE, FITTED_SCORES_FILE)


@dataclass(frozen=True)
class FittedScores:
    """Looks up the stored score of a pair of user positions.

    Attributes:
        table: the pairs' keys; scores: (E + 1,) in the table's order, NaN at the end (what row -1 reads).
        users: U; directed: whether (a, b) and (b, a) are different edges.
    """

    table: KeyTable
    scores: Float32
    users: int
    directed: bool

    @classmethod
    def open(cls, folder: Path, users: int, *, directed: bool) -> FittedScores:
        """Map the three files of the bundle at ``folder``."""
        starts, keys, scores = (np.load(folder / name, mmap_mode="r", allow_pickle=False) for name in _FILES)
        # Plain arrays over the maps: np.memmap re-wraps every slice in Python, which costs a single pair dearly.
        return cls(KeyTable(np.asarray(starts), np.asarray(keys)), np.asarray(scores), users, directed)

    def find(self, src: Int64, dst: Int64) -> Float32:
        """Return the stored score of each pair (B,), NaN where the pair is no fitted edge or has a -1."""
        keys = pair_keys(src, dst, self.users, directed=self.directed)
        rows = self.table.find(keys)
        found: Float32 = self.scores.take(rows)
        return np.where(np.minimum(src, dst) < 0, np.float32(np.nan), found)


def write_fitted(folder: Path, edges: FittedEdges, users: int) -> None:
    """Write the fitted edges.

    Raises:
        ArtifactError: an edge is listed twice, so that its score is not known.
    """
    keys = pair_keys(edges.src, edges.dst, users, directed=edges.directed)
    if len(np.unique(keys)) != len(keys):
        raise ArtifactError("cannot export: an edge is listed twice among the fitted edges")
    table, order = build_key_table(keys)
    scores = np.append(edges.fake_score[order], np.float32(np.nan)).astype(np.float32)
    columns: tuple[NDArray[Any], ...] = (table.starts, table.keys, scores)
    for name, values in zip(_FILES, columns, strict=True):
        np.save(folder / name, values, allow_pickle=False)
