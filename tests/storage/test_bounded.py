"""Parquet files whose content takes more than is allowed are refused before they are read."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recdiff.errors import DataError
from recdiff.machine.memory import at_most
from recdiff.storage.bounded import MOST_COLUMNS, check_batches, held, parquet_columns, read_parquet


@pytest.fixture
def file(tmp_path: Path) -> Path:
    table = pa.table({"src": pa.array(range(1000)), "text": pa.array(["long" * 50] * 1000)})
    pq.write_table(table, tmp_path / "edges.parquet")
    return tmp_path / "edges.parquet"


def test_what_fits_is_read(file: Path) -> None:
    with at_most(10**7):
        assert read_parquet(file).num_rows == 1000
        table = parquet_columns(file, ["text", "src"], ["text"])
    assert table.column_names == ["text", "src"]
    assert pa.types.is_dictionary(table["text"].type)


def test_more_rows_than_allowed_are_refused(file: Path) -> None:
    with at_most(10_000):
        for read in (lambda: read_parquet(file), lambda: parquet_columns(file, ["src"], [])):
            with pytest.raises(DataError, match=r"edges\.parquet: reading it takes more than"):
                read()


def test_one_text_that_stands_in_every_row_counts_for_every_row(file: Path) -> None:
    with pq.ParquetFile(file) as opened, at_most(100_000):
        check_batches(file, opened, rows=100)
        with pytest.raises(DataError, match="a batch of column 'text' takes more than 200"):
            check_batches(file, opened, rows=1000)


def test_more_columns_than_anybody_has_are_refused(tmp_path: Path) -> None:
    names = [f"c{number}" for number in range(MOST_COLUMNS + 1)]
    pq.write_table(pa.table({name: pa.array([1]) for name in names}), tmp_path / "wide.parquet")
    many = "has 10,001 columns; accepted are at most 10,000"
    with pq.ParquetFile(tmp_path / "wide.parquet") as opened, pytest.raises(DataError, match=many):
        check_batches(tmp_path / "wide.parquet", opened, rows=1)


def test_batches_that_are_kept_add_up() -> None:
    batch = pa.RecordBatch.from_pydict({"src": list(range(10))})
    with at_most(2_000):
        kept = held(Path("edges.csv"), [batch] * 3)
        assert [next(kept).num_rows, next(kept).num_rows] == [10, 10]
        with pytest.raises(DataError, match=r"edges\.csv"):
            next(kept)
