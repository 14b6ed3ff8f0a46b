from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given

from recdiff_adapters import AdapterError, to_neo4j
from tests.adapters import adapter_samples as samples


def read(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file, strict=True))


def test_edges_are_users_and_relationships(tmp_path: Path) -> None:
    folder = to_neo4j(samples.edges(), tmp_path / "graph")
    assert sorted(entry.name for entry in folder.iterdir()) == ["follows.csv", "users.csv"]
    users = (folder / "users.csv").read_text(encoding="utf-8")
    assert users == 'userId:ID(User),:LABEL\n"007","User"\n"7","User"\n"Zoë","User"\n'
    header = ":START_ID(User),fake_score:double,keep:boolean,common_friends:long,note:string,:END_ID(User),:TYPE"
    assert read(folder / "follows.csv") == [
        header.split(","),
        ["007", "0.25", "true", "3", "", "7", "FOLLOWS"],
        ["7", "", "true", "0", "", "Zoë", "FOLLOWS"],
        ["Zoë", "0.875", "false", "", "far", "007", "FOLLOWS"],
    ]


def test_recommendations_have_items(tmp_path: Path) -> None:
    folder = to_neo4j(samples.recommendations(), tmp_path / "graph")
    assert read(folder / "items.csv") == [["itemId:ID(Item)", ":LABEL"], ["7", "Item"], ["lamp", "Item"]]
    rows = read(folder / "recommended.csv")
    assert rows[0] == [":START_ID(User)", "rank:long", "score:double", ":END_ID(Item)", ":TYPE"]
    assert rows[2] == ["007", "2", "-0.125", "lamp", "RECOMMENDED"]


def test_integer_ids_and_empty_tables(tmp_path: Path) -> None:
    folder = to_neo4j(samples.integer_edges(), tmp_path / "graph")
    assert [int(row[0]) for row in read(folder / "users.csv")[1:]] == samples.integer_edges()["src"].to_pylist()
    assert len(read(to_neo4j(samples.empty_edges(), tmp_path / "graph") / "users.csv")) == 1


def test_a_column_name_that_a_header_cannot_hold_is_refused(tmp_path: Path) -> None:
    table = samples.edges().rename_columns(["src", "dst", "fake_score", "keep", "common:friends", "note"])
    with pytest.raises(AdapterError, match="the column 'common:friends' cannot be a property"):
        to_neo4j(table, tmp_path / "graph")


@samples.quick
@given(samples.id_lists)
def test_any_id_comes_back_or_is_refused(tmp_path_factory: pytest.TempPathFactory, ids: list[str]) -> None:
    folder = tmp_path_factory.mktemp("neo4j") / "graph"
    if "" in ids or any(letter in name for name in ids for letter in "\r\n\0"):
        with pytest.raises(AdapterError, match="Neo4j's importer"):
            to_neo4j(samples.ring(ids), folder)
        assert not folder.exists()
    else:
        to_neo4j(samples.ring(ids), folder)
        assert [row[0] for row in read(folder / "users.csv")[1:]] == ids
        rows = read(folder / "follows.csv")[1:]
        assert [(row[0], row[-2]) for row in rows] == samples.rows(samples.ring(ids), "src", "dst")
