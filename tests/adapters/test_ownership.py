"""A file of the user's own is never replaced, whatever the format; one of ours is."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv, parquet
from scipy import sparse

from recdiff_adapters import OptionError, write
from tests.adapters import adapter_samples as samples

# What a user could have: the same file formats and file names, ties and ratings of their own.
TIES = pa.table({"src": ["ann", "bob"], "dst": ["bob", "cho"]})
RATINGS = pa.table({"user_id": ["ann"], "item_id": ["lamp"], "rating": [5.0]})
GRAPHML = (
    '<?xml version="1.0"?><graphml xmlns="http://graphml.graphdrawing.org/xmlns"><graph edgedefault="directed">'
    '<node id="ann"/></graph></graphml>'
)


def a_feather(path: Path) -> None:
    with pa.ipc.new_file(str(path), TIES.schema) as writer:
        writer.write_table(TIES)


def a_matrix(path: Path) -> None:
    path.mkdir()
    sparse.save_npz(path / "matrix.npz", sparse.csr_matrix(np.eye(2)))
    parquet.write_table(pa.table({"id": ["ann", "bob"], "age": [30, 40]}), path / "users.parquet")


def a_neo4j_import(path: Path) -> None:
    path.mkdir()
    (path / "users.csv").write_text("id:ID,:LABEL\nann,Person\n")
    (path / "follows.csv").write_text(":START_ID,:END_ID,:TYPE\nann,ann,KNOWS\n")


def a_data_set(path: Path) -> None:
    path.mkdir()
    (path / f"{path.name}.net").write_text("source_id:token\ttarget_id:token\nann\tbob\n")


EDGES: dict[str, Callable[[Path], object]] = {
    "arrow": a_feather,
    "csv": lambda path: csv.write_csv(TIES, path),
    "gexf": lambda path: path.write_text('<gexf xmlns="http://www.gexf.net/1.2draft" version="1.2"/>'),
    "graphml": lambda path: path.write_text(GRAPHML),
    "jsonl": lambda path: path.write_text(json.dumps(TIES.slice(0, 1).to_pylist()[0]) + "\n"),
    "neo4j": a_neo4j_import,
    "npz": a_matrix,
    "parquet": lambda path: parquet.write_table(samples.edges(), path),
    "qrec": lambda path: path.write_text("ann bob 1\n"),
    "recbole": a_data_set,
    "selfrec": lambda path: path.write_text("ann bob 1\n"),
}


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", EDGES)
def test_a_users_own_edges_stay_and_force_replaces_them(tmp_path: Path, name: str) -> None:
    if name in ("gexf", "graphml"):
        pytest.importorskip("networkx")
    out = tmp_path / "shop"
    EDGES[name](out)
    before = contents(tmp_path)
    with pytest.raises(OptionError, match=r"shop.* does not show that recdiff-sdk wrote it"):
        write(name, samples.edges(), out)
    assert contents(tmp_path) == before
    write(name, samples.edges(), out, force=True)
    assert contents(tmp_path) != before
    again = contents(tmp_path)
    write(name, samples.edges(), out)  # The same bytes, or known as ours.
    assert contents(tmp_path) == again


def test_a_users_interactions_stay_where_recommendations_would_go(tmp_path: Path) -> None:
    """The folder, the file and the header of the user's own RecBole data set."""
    out = tmp_path / "shop"
    out.mkdir()
    mine = "user_id:token\titem_id:token\tscore:float\nann\tlamp\t5\n"
    (out / "shop.inter").write_text(mine)
    with pytest.raises(OptionError, match=r"shop\.inter is there already"):
        write("recbole", samples.recommendations(), out)
    assert contents(out) == {"shop.inter": mine.encode()}
    for name in ("csv", "jsonl", "parquet", "arrow"):
        parquet.write_table(RATINGS, tmp_path / "ratings")
        with pytest.raises(OptionError, match="does not show"):
            write(name, samples.recommendations(), tmp_path / "ratings")


@pytest.mark.parametrize("name", ["csv", "jsonl", "parquet", "arrow"])
def test_edges_do_not_take_the_place_of_recommendations(tmp_path: Path, name: str) -> None:
    write(name, samples.recommendations(), tmp_path / "out")
    with pytest.raises(OptionError, match="does not show"):
        write(name, samples.edges(), tmp_path / "out")


def test_a_file_that_was_changed_by_another_tool_is_not_ours_any_more(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    write("parquet", samples.edges(), tmp_path / "edges.parquet")
    frame = pandas.read_parquet(tmp_path / "edges.parquet")
    frame.assign(reviewed=True).to_parquet(tmp_path / "edges.parquet")
    with pytest.raises(OptionError, match="does not show"):
        write("parquet", samples.edges(), tmp_path / "edges.parquet")


def test_a_users_own_table_stays_in_a_database(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "db")) as connection:
        connection.executescript("CREATE TABLE edges (a, b); INSERT INTO edges VALUES (1, 2)")
    with pytest.raises(OptionError, match="the database has a table edges that recdiff-sdk did not write"):
        write("sqlite", samples.edges(), tmp_path / "db")
    write("sqlite", samples.edges(), tmp_path / "db", name="cleaned")
    with closing(sqlite3.connect(tmp_path / "db")) as connection:
        assert connection.execute("SELECT * FROM edges").fetchall() == [(1, 2)]
        assert len(connection.execute("SELECT * FROM cleaned").fetchall()) == 3
    write("sqlite", samples.edges(), tmp_path / "db", force=True)


def test_a_users_own_table_stays_in_duckdb(tmp_path: Path) -> None:
    duckdb = pytest.importorskip("duckdb")
    with duckdb.connect(str(tmp_path / "db")) as connection:
        connection.execute("CREATE TABLE edges AS SELECT 1 AS a")
    with pytest.raises(OptionError, match="did not write"):
        write("duckdb", samples.edges(), tmp_path / "db")
    with duckdb.connect(str(tmp_path / "db")) as connection:
        assert connection.execute("SELECT * FROM edges").fetchall() == [(1,)]
    write("duckdb", samples.edges(), tmp_path / "db", force=True)


def test_a_users_own_table_stays_on_a_server(server: str) -> None:
    psycopg = pytest.importorskip("psycopg")
    with psycopg.connect(server) as connection:
        connection.execute("CREATE TABLE mine (a int)")
    with pytest.raises(OptionError, match="did not write"):
        write("postgres", samples.edges(), server, name="mine")
    write("postgres", samples.edges(), server, name="theirs")
    write("postgres", samples.edges(), server, name="theirs")
    write("postgres", samples.edges(), server, name="mine", force=True)
    with psycopg.connect(server) as connection:
        connection.execute("DROP TABLE mine, theirs")
