"""Formats that hold the table as it is: Parquet, Arrow, pandas, Polars."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from pyarrow import feather, parquet

from recdiff_adapters import to_arrow, to_pandas, to_parquet, to_polars
from tests.adapters import adapter_samples as samples

TABLES = [samples.edges, samples.integer_edges, samples.recommendations, samples.empty_edges]


@pytest.mark.parametrize("make", TABLES)
def test_parquet_holds_the_table(tmp_path: Path, make: Callable[[], pa.Table]) -> None:
    assert parquet.read_table(to_parquet(make(), tmp_path / "t.parquet")).equals(make())


@pytest.mark.parametrize("make", TABLES)
def test_arrow_holds_the_table(tmp_path: Path, make: Callable[[], pa.Table]) -> None:
    path = to_arrow(make(), tmp_path / "t.arrow")
    assert feather.read_table(path).equals(make())
    with pa.memory_map(str(path)) as source:
        assert pa.ipc.open_file(source).read_all().equals(make())


@samples.quick
@given(samples.id_lists)
def test_files_hold_any_id(tmp_path_factory: pytest.TempPathFactory, ids: list[str]) -> None:
    folder = tmp_path_factory.mktemp("columns")
    table = samples.ring(ids)
    assert parquet.read_table(to_parquet(table, folder / "t.parquet"))["src"].to_pylist() == ids
    assert feather.read_table(to_arrow(table, folder / "t.arrow"))["src"].to_pylist() == ids


def test_polars_frame() -> None:
    polars = pytest.importorskip("polars")
    frame = to_polars(samples.edges())
    assert isinstance(frame, polars.DataFrame)
    assert frame.rows() == samples.rows(samples.edges())
    assert to_polars(samples.integer_edges())["src"].to_list() == samples.integer_edges()["src"].to_pylist()


def test_pandas_frame_keeps_integers_beside_nulls() -> None:
    pandas = pytest.importorskip("pandas")
    large = [2**53 + 1, None, 2**62]
    frame = to_pandas(samples.edges(common_friends=large))
    assert isinstance(frame, pandas.DataFrame)
    assert frame["src"].tolist() == ["007", "7", "Zoë"]
    assert frame["common_friends"].tolist() == large
    assert frame["fake_score"].isna().tolist() == [False, True, False]
    assert to_pandas(samples.integer_edges())["src"].dtype == "int64"
