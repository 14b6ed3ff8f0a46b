from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet
from scipy import sparse

from recdiff_adapters import AdapterError, OptionError, to_npz
from tests.adapters import adapter_samples as samples


def read(folder: Path) -> tuple[sparse.csr_matrix, dict[str, list[object]]]:
    ids = {path.stem: parquet.read_table(path)["id"].to_pylist() for path in folder.glob("*.parquet")}
    return sparse.load_npz(folder / "matrix.npz"), ids


def entries(folder: Path) -> list[tuple[object, object, float]]:
    matrix, ids = read(folder)
    coo = matrix.tocoo()
    columns = ids.get("items", ids["users"])
    return sorted(
        (ids["users"][row], columns[column], value)
        for row, column, value in zip(coo.row, coo.col, coo.data.tolist(), strict=True)
    )


def test_kept_edges_come_back_by_id(tmp_path: Path) -> None:
    assert entries(to_npz(samples.edges(), tmp_path / "a")) == [("007", "7", 1.0), ("7", "Zoë", 1.0)]
    table = samples.ring(samples.ODD_IDS)
    assert entries(to_npz(table, tmp_path / "a", weight="trust")) == sorted(
        (src, dst, 1 - score) for src, dst, score in samples.rows(table, "src", "dst", "fake_score")
    )


def test_recommendations_have_users_and_items_of_their_own(tmp_path: Path) -> None:
    folder = to_npz(samples.recommendations(), tmp_path / "a")
    assert read(folder)[0].shape == (2, 2)
    assert entries(folder) == sorted(samples.rows(samples.recommendations(), "user_id", "item_id", "score"))


def test_integer_ids_and_chunks(tmp_path: Path) -> None:
    table = pa.concat_tables([samples.integer_edges(), samples.ring([1, 2])])
    expected = sorted((src, dst, 1.0) for src, dst in samples.rows(table, "src", "dst"))
    assert entries(to_npz(table, tmp_path / "a")) == expected


def test_strings_beside_large_strings_share_ids(tmp_path: Path) -> None:
    table = samples.edges(dst=pa.array(["7", "Zoë", "007"], pa.large_string()))
    assert entries(to_npz(table, tmp_path / "a")) == [("007", "7", 1.0), ("7", "Zoë", 1.0)]


def test_an_empty_table_is_an_empty_matrix(tmp_path: Path) -> None:
    for table in (samples.empty_edges(), pa.Table.from_batches([], samples.edges().schema)):
        matrix, ids = read(to_npz(table, tmp_path / "a"))
        assert matrix.shape == (0, 0)
        assert ids == {"users": []}


def test_undirected_matrices_are_symmetric(tmp_path: Path) -> None:
    table = pa.table(
        {
            "src": ["a", "b", "b", "c"],
            "dst": ["b", "a", "c", "c"],
            "fake_score": [0.25, 0.25, 0.5, 0.0],
            "keep": [True] * 4,
        }
    )
    matrix, _ = read(to_npz(table, tmp_path / "a", weight="trust", directed=False))
    np.testing.assert_array_equal(matrix.toarray(), [[0, 0.75, 0], [0.75, 0, 0.5], [0, 0.5, 1]])


def test_a_pair_listed_twice_is_refused(tmp_path: Path) -> None:
    table = pa.concat_tables([samples.ring(["a", "b", "c"]), samples.ring(["x", "b", "c"])])
    with pytest.raises(AdapterError, match="rows 2 and 5 are the same pair, 'b' and 'c': a matrix has one entry"):
        to_npz(table, tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


def test_recommendations_cannot_be_undirected(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="directed=False is for edges"):
        to_npz(samples.recommendations(), tmp_path / "a", directed=False)
