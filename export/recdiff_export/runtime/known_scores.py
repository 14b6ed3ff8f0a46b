"""Stored out-of-fold scores of the fitted edges.

The full-graph tables have seen these edges and would make each look real, so a bundle carries the score that the
fold without the edge gave: 8 bytes of key, 4 of score and 4 to 8 of bucket per edge, mapped from disk.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recdiff.arrays import Float32, Int64
from recdiff.errors import ArtifactError
from recdiff.graph.key_table import KeyTable, build_key_table
from recdiff.graph.keys import keys_of
from recdiff_export.bundle.held import Held
from recdiff_export.bundle.names import FITTED_FILES, FITTED_KEYS_FILE, FITTED_SCORES_FILE, FITTED_STARTS_FILE
from recdiff_export.bundle.parts import FittedEdges


@dataclass(frozen=True)
class FittedScores:
    """Looks up the stored score of a pair of user positions.

    Attributes:
        table: the pairs' keys; scores: (E + 1,) in the table's order, NaN at the end (what row -1 reads).
        users: U; directed: whether (a, b) and (b, a) are different edges.
        path: where the table of starts was found.
    """

    table: KeyTable
    scores: Float32
    users: int
    directed: bool
    path: Path

    @classmethod
    def open(cls, files: Mapping[str, Held], users: int, *, directed: bool) -> FittedScores:
        """Read the three files of a bundle.

        Raises:
            ArtifactError: they do not fit together.
        """
        starts = files[FITTED_STARTS_FILE].vector(np.uint32, np.int64)
        keys, scores = files[FITTED_KEYS_FILE].vector(np.int64), files[FITTED_SCORES_FILE].vector(np.float32)
        buckets = len(starts) - 1
        fits = buckets >= 2 and buckets & (buckets - 1) == 0 and len(keys) == len(scores) >= 1
        if not fits or starts[0] != 0 or starts[-1] != len(keys) - 1:
            raise ArtifactError(
                f"{files[FITTED_STARTS_FILE].path}: does not fit the files of keys and scores beside it"
            )
        return cls(KeyTable(starts, keys), scores, users, directed, files[FITTED_STARTS_FILE].path)

    def find(self, src: Int64, dst: Int64) -> Float32:
        """Return the stored score of each pair (B,), NaN where the pair is no fitted edge or has a -1."""
        keys = keys_of(src, dst, self.users, directed=self.directed)
        try:
            rows = self.table.find(keys)
        except IndexError:
            raise ArtifactError(f"{self.path}: points beyond the keys; export the bundle again") from None
        found: Float32 = self.scores.take(rows)
        return np.where(np.minimum(src, dst) < 0, np.float32(np.nan), found)


def write_fitted(folder: Path, edges: FittedEdges, users: int) -> None:
    """Write the fitted edges.

    Raises:
        ArtifactError: an edge is listed twice, so that its score is not known.
    """
    keys = keys_of(edges.src, edges.dst, users, directed=edges.directed)
    if len(np.unique(keys)) != len(keys):
        raise ArtifactError("cannot export: an edge is listed twice among the fitted edges")
    table, order = build_key_table(keys)
    scores = np.append(edges.fake_score[order], np.float32(np.nan)).astype(np.float32)
    columns: tuple[NDArray[Any], ...] = (table.starts, table.keys, scores)
    for name, values in zip(FITTED_FILES, columns, strict=True):
        np.save(folder / name, values, allow_pickle=False)
