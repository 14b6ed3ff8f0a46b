"""Scores of other systems are read as they are written, and what is wrong with them is named."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recdiff.data.ids import Ids
from recdiff.data.outside.scores import read_edge_scores, read_item_scores
from recdiff.errors import DataError

USERS, ITEMS = Ids(pa.array(["ann", "bob", "cem"])), Ids(pa.array([10, 20, 30]))


def written(folder: Path, text: str) -> Path:
    file = folder / "theirs.csv"
    file.write_text(text, encoding="utf-8")
    return file


def test_rows_come_back_by_position_and_strangers_are_counted(tmp_path: Path) -> None:
    text = "user,item,score\ncem,10,-1.5\nann,30,2e3\nzoe,10,1\nann,40,1\n"
    found = read_item_scores(written(tmp_path, text), USERS, ITEMS)
    assert found.ends.tolist() == [[2, 0], [0, 2]]
    assert found.values.tolist() == [-1.5, 2000.0]
    assert (found.rows.tolist(), found.unknown, found.place(1)) == ([0, 1], 2, 3)


def test_parquet_says_the_same(tmp_path: Path) -> None:
    file = tmp_path / "theirs.parquet"
    pq.write_table(pa.table({"user_id": ["bob", "ann"], "item_id": [20, 30], "prediction": [3, 4]}), file)
    found = read_item_scores(file, USERS, ITEMS)
    assert found.ends.tolist() == [[1, 1], [0, 2]]
    assert found.values.tolist() == [3.0, 4.0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("user,item,score\nann,10,1\nbob,20,high\n", r"theirs\.csv, row 3, column 'score': 'high' is no finite number"),
        ("user,item,score\nann,10,nan\n", r"row 2, column 'score': 'nan' is no finite number; leave the row out"),
        ("user,item,score\nann,10,inf\n", r"row 2, column 'score': 'inf' is no finite number"),
        ("user,item,score\nann,10,\n", r"row 2, column 'score': .* is no finite number"),
        ("user,item,score\nann,10,1\nbob,20,1\nann,10,2\n", r"row 4: user 'ann' and item 10 stand in an earlier row"),
        ("user,item,weight\nann,10,1\n", r"expected user_id, item_id and score or rating or prediction"),
        ("user,item,score\n", r"no rows"),
        ("user,item,score\nzoe,10,1\n", r"no row is about the data's own ids; its first row names 'zoe', .*10"),
        ("user,score\nann,1\n", r"column item_id is missing"),
    ],
)
def test_a_fault_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_item_scores(written(tmp_path, text), USERS, ITEMS)


def test_what_is_no_number_in_parquet_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "theirs.parquet"
    pq.write_table(pa.table({"user_id": ["bob"], "item_id": [20], "score": [[1.0]]}), file)
    with pytest.raises(DataError, match=r"column 'score': has type list.*; accepted: numbers"):
        read_item_scores(file, USERS, ITEMS)


def test_edges_are_read_with_either_name_of_the_column(tmp_path: Path) -> None:
    for name in ("score", "fake_score"):
        found = read_edge_scores(written(tmp_path, f"src,dst,{name}\nann,bob,0.5\n"), USERS)
        assert (found.ends.tolist(), found.values.tolist()) == ([[0, 1]], [0.5])
