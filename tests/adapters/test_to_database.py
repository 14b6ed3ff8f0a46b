"""Tables in DuckDB and SQLite files."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from recdiff_adapters import AdapterError, to_duckdb, to_sqlite
from tests.adapters import adapter_samples as samples

duckdb = pytest.importorskip("duckdb")
WRITERS: dict[Callable[..., Path], Callable[..., Any]] = {
    to_sqlite: sqlite3.connect,
    to_duckdb: lambda path: duckdb.connect(str(path)),
}


def read(path: Path, writer: Callable[..., Path], query: str = "SELECT * FROM edges") -> list[Any]:
    with closing(WRITERS[writer](path)) as connection:
        found: list[Any] = connection.execute(query).fetchall()
        return found


@pytest.mark.parametrize("writer", WRITERS)
def test_rows_come_back_with_their_types(tmp_path: Path, writer: Callable[..., Path]) -> None:
    for table in (samples.edges(), samples.integer_edges(), samples.empty_edges(), samples.ring(samples.ODD_IDS)):
        assert read(writer(table, tmp_path / "db"), writer) == samples.rows(table)
    writer(samples.recommendations(), tmp_path / "db")
    recommended = read(tmp_path / "db", writer, "SELECT * FROM recommendations")
    assert recommended == samples.rows(samples.recommendations())
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["db"]


def test_columns_have_the_right_types(tmp_path: Path) -> None:
    names = ["src", "dst", "fake_score", "keep", "common_friends", "note"]
    kinds = {
        to_sqlite: ["TEXT", "TEXT", "REAL", "BOOLEAN", "INTEGER", "TEXT"],
        to_duckdb: ["VARCHAR", "VARCHAR", "DOUBLE", "BOOLEAN", "BIGINT", "VARCHAR"],
    }
    for number, (writer, expected) in enumerate(kinds.items()):
        path = writer(samples.edges(), tmp_path / str(number))
        described = read(path, writer, "PRAGMA table_info('edges')")
        assert [(row[1], row[2]) for row in described] == list(zip(names, expected, strict=True))


@pytest.mark.parametrize("writer", WRITERS)
def test_a_name_is_a_choice_and_other_tables_stay(tmp_path: Path, writer: Callable[..., Path]) -> None:
    odd = 'my "edges"; DROP TABLE edges'
    for name in (None, odd, odd):
        path = writer(samples.edges(), tmp_path / "db", name=name)
    assert read(path, writer, 'SELECT * FROM "my ""edges""; DROP TABLE edges"') == samples.rows(samples.edges())
    assert read(path, writer) == samples.rows(samples.edges())


@pytest.mark.parametrize("writer", WRITERS)
def test_a_failed_write_leaves_the_old_table(tmp_path: Path, writer: Callable[..., Path]) -> None:
    path = writer(samples.edges(), tmp_path / "db")
    with closing(WRITERS[writer](path)) as connection:
        connection.execute("CREATE VIEW seen AS SELECT * FROM edges")
        connection.commit()
    with pytest.raises(AdapterError, match=r"cannot write .*db: .*seen"):
        writer(samples.integer_edges(), path, name="seen")
    assert read(path, writer, "SELECT * FROM seen") == samples.rows(samples.edges())


@pytest.mark.parametrize("writer", WRITERS)
def test_column_names_that_differ_in_case_only_are_refused(tmp_path: Path, writer: Callable[..., Path]) -> None:
    path = writer(samples.edges(), tmp_path / "db")
    # SQLite says so only when the old table is already dropped, and takes that back; DuckDB would rename one.
    with pytest.raises(AdapterError, match="SRC"):
        writer(samples.edges(SRC=["x", "y", "z"]), path)
    assert read(path, writer) == samples.rows(samples.edges())


@pytest.mark.parametrize("writer", WRITERS)
def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path, writer: Callable[..., Path]) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database, but something long enough to look at " * 20)
    before = path.read_bytes()
    with pytest.raises(AdapterError, match=r"cannot write .*notes\.txt"):
        writer(samples.edges(), path)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["notes.txt"]


def test_sqlite_would_turn_nan_into_null(tmp_path: Path) -> None:
    table = samples.edges(movement=[0.5, float("nan"), None])
    with pytest.raises(AdapterError, match="column movement, row 2: nan: SQLite stores nan as null"):
        to_sqlite(table, tmp_path / "db")
    read_back = read(to_duckdb(table, tmp_path / "db"), to_duckdb, "SELECT isnan(movement) FROM edges")
    assert read_back == [(False,), (True,), (None,)]


@pytest.mark.parametrize("writer", WRITERS)
@samples.few
@given(ids=samples.id_lists)
def test_any_id_comes_back(
    tmp_path_factory: pytest.TempPathFactory, writer: Callable[..., Path], ids: list[str]
) -> None:
    path = tmp_path_factory.mktemp("database") / "db"
    assert read(writer(samples.ring(ids), path), writer) == samples.rows(samples.ring(ids))
