"""SciPy sparse matrix: a folder with the matrix (npz) and the ids of its rows and columns (Parquet)."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from recdiff_adapters.index import Ids, Index, arcs, index_pairs, refuse_repeats
from recdiff_adapters.output import FilePath, whole_folder
from recdiff_adapters.table import EDGES, read_pairs
from recdiff_adapters.weight import row_weights

MATRIX = "matrix.npz"


def to_npz(
    table: pa.Table,
    folder: FilePath,
    *,
    weight: str = "one",
    directed: bool | None = None,
    users: Ids = None,
    items: Ids = None,
    force: bool = False,
) -> Path:
    """Write a CSR matrix and its ids into a folder and return the folder.

    Edges: ``matrix.npz`` (U, U) of the kept edges and ``users.parquet``. Recommendations: ``matrix.npz``
    (U, I) of scores, ``users.parquet`` and ``items.parquet``. Row r of an id file (column ``id``) names row or
    column r of the matrix: in the order of ``users`` and ``items`` where they are given, else as first seen.
    Undirected edges make it symmetric. Raises AdapterError for a bad table and for a pair that is listed twice,
    since a matrix would add the two up.
    """
    from scipy import sparse

    pairs = read_pairs(table).kept()
    index = index_pairs(pairs, users, items)
    refuse_repeats(pairs, index, "a matrix has one entry for both")
    left, right, rows = arcs(pairs, index, directed=directed)
    values = row_weights(pairs, weight).to_numpy()[rows]
    shape = (len(index.left_ids), len(index.right_ids))
    matrix = sparse.csr_matrix((values, (left, right)), shape=shape)
    files = _id_files(pairs.kind, index)
    with whole_folder(folder, {MATRIX, *files}, lambda old: _is_ours(old, set(files)), force=force) as temporary:
        sparse.save_npz(temporary / MATRIX, matrix)
        for name, ids in files.items():
            parquet.write_table(pa.table({"id": ids}), temporary / name)
    return Path(folder)


def _id_files(kind: str, index: Index) -> dict[str, pa.Array]:
    files = {"users.parquet": index.left_ids}
    return files if kind == EDGES else {**files, "items.parquet": index.right_ids}


def _is_ours(folder: Path, files: set[str]) -> bool:
    """Tell whether ``folder`` holds a matrix in SciPy's form and ids as written here."""
    try:
        with zipfile.ZipFile(folder / MATRIX) as matrix:
            parts = {"indices.npy", "indptr.npy", "format.npy", "shape.npy", "data.npy"} == set(matrix.namelist())
        return parts and all(parquet.read_schema(folder / name).names == ["id"] for name in files)
    except (OSError, zipfile.BadZipFile, pa.ArrowException):
        return False
