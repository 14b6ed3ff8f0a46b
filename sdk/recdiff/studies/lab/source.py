"""Where a study's data come from: a folder and how it is read, small enough to hand to another process."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import scipy.sparse as sp

from recdiff.data.dataset import SocialDataset
from recdiff.data.split import SplitRule
from recdiff.errors import DataError

_KEY_LENGTH = 16


@dataclass(frozen=True)
class Source:
    """A data folder with the options it is read with.

    Attributes:
        folder: absolute path.
        directed: None looks at the data.
        mapping: canonical column name and the name in the file, in pairs.
        split: "ratio" or "time", where the data bring no split.
        seed: of the split.
    """

    folder: Path
    directed: bool | None = None
    mapping: tuple[tuple[str, str], ...] = ()
    split: SplitRule = "ratio"
    seed: int = 0

    @property
    def name(self) -> str:
        """The folder's own name, made fit for file names."""
        kept = "".join(sign if sign.isalnum() or sign in "-_" else "-" for sign in self.folder.name)
        return kept or "data"

    def read(self) -> SocialDataset:
        """Return the data set; a second call in the same process costs nothing.

        Raises:
            DataError: the data cannot be used, or lack what every study needs: held-out interactions.
        """
        return _read(self)


@lru_cache(maxsize=2)
def _read(source: Source) -> SocialDataset:
    dataset = SocialDataset.read(
        source.folder, directed=source.directed, mapping=dict(source.mapping), seed=source.seed, split=source.split
    )
    for name, part in (("validation", dataset.validation), ("test", dataset.test)):
        if part.nnz == 0:
            raise DataError(
                f"{source.folder}: no interaction is in the {name} split; a study selects on validation and judges on "
                "test, so both need rows"
            )
    return dataset


def fingerprint(dataset: SocialDataset) -> str:
    """Return a hash of everything in ``dataset``: ids, the three splits, edges and whether they have a direction."""
    digest = hashlib.sha256()
    for ids in (dataset.users, dataset.items):
        digest.update(str(ids.values.type).encode())
        for buffer in pa.concat_arrays([ids.values]).buffers():
            digest.update(b"" if buffer is None else buffer.to_pybytes())
    for matrix in (dataset.train, dataset.validation, dataset.test):
        _add_matrix(digest, matrix)
    digest.update(np.ascontiguousarray(dataset.edges, np.int64).tobytes())
    digest.update(str((dataset.train.shape, dataset.directed)).encode())
    return digest.hexdigest()[:_KEY_LENGTH]


def _add_matrix(digest: hashlib._Hash, matrix: sp.csr_matrix) -> None:
    matrix = matrix.copy()
    matrix.sort_indices()
    for part in (matrix.indptr, matrix.indices):
        digest.update(part.astype(np.int64).tobytes())
