"""Folders that are called key=value give their parts a column."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

from recdiff.data.dataset import SocialDataset
from recdiff.data.edge_stream import open_edges
from recdiff.data.rows.keys import keys_of
from recdiff.errors import DataError


def write(place: Path, table: str, *parts: tuple[str, pa.Table]) -> Path:
    for number, (folder, rows) in enumerate(parts):
        (place / table / folder).mkdir(parents=True, exist_ok=True)
        if number % 2:
            pacsv.write_csv(rows, place / table / folder / f"{number}.csv")
        else:
            pq.write_table(rows, place / table / folder / f"{number}.parquet")
    return place / table


def ties(*pairs: tuple[int, int], **more: list[object]) -> pa.Table:
    return pa.table({"src": [src for src, _ in pairs], "dst": [dst for _, dst in pairs], **more})


def test_keys_are_read_from_the_folders_between() -> None:
    table = Path("x=1/social.parquet")
    part = table / "year=2024" / "other" / "who%3Da=a%2Fb=c" / "day=__HIVE_DEFAULT_PARTITION__" / "part=0.parquet"
    assert keys_of(table, part) == {"year": "2024", "who=a": "a/b=c", "day": None}


def test_a_key_is_a_column_that_is_recognised_mapped_or_named_as_not_used(tmp_path: Path) -> None:
    write(
        tmp_path, "social.parquet", ("year=2023/day=7", ties((1, 2), (2, 3))), ("year=2024/day=8", ties((3, 4), (4, 1)))
    )
    read = SocialDataset.read(tmp_path)
    assert read.edge_times is None
    (notice,) = [each for each in read.notices if each.kind == "unused_columns"]
    assert str(notice) == "social.parquet: columns not used: 'year', 'day'"
    times = SocialDataset.read(tmp_path, mapping={"tied_at": "year"}).edge_times
    assert times is not None
    assert times.tolist() == [2023, 2023, 2024, 2024]
    events = [pa.table({"user_id": [1, 2], "item_id": [7, 8]}), pa.table({"user_id": [3, 4], "item_id": [8, 9]})]
    write(tmp_path, "interactions.parquet", ("split=train", events[0]), ("split=test", events[1]))
    split = SocialDataset.read(tmp_path)
    assert (split.train.nnz, split.validation.nnz, split.test.nnz) == (2, 0, 2)


def test_a_column_of_the_part_itself_goes_before_a_key(tmp_path: Path) -> None:
    write(tmp_path, "social.parquet", ("tied_at=1", ties((1, 2), (2, 3), tied_at=[5, 6])))
    times = SocialDataset.read(tmp_path).edge_times
    assert times is not None
    assert times.tolist() == [5, 6]


def test_a_key_whose_value_is_none_or_wrong_is_told(tmp_path: Path) -> None:
    write(tmp_path, "social.parquet", ("weight=heavy", ties((1, 2))), ("weight=2.5", ties((2, 3))))
    with pytest.raises(DataError, match=r"0\.parquet, row 1, column 'weight': 'heavy' is not a finite number"):
        SocialDataset.read(tmp_path)
    assert len(SocialDataset.read(tmp_path, skip_bad=0.5).edges) == 1
    write(tmp_path / "other", "social.parquet", ("tied_at=__HIVE_DEFAULT_PARTITION__", ties((1, 2))))
    with pytest.raises(DataError, match="row 1, column 'tied_at': None is no time"):
        SocialDataset.read(tmp_path / "other")


def test_keys_come_along_with_streamed_edges(tmp_path: Path) -> None:
    table = write(tmp_path, "edges", ("day=1", ties((1, 2))), ("day=2", ties((2, 3), (3, 1))))
    opened = open_edges(table)
    assert opened.schema == pa.schema([("src", pa.int64()), ("dst", pa.int64()), ("day", pa.string())])
    rows = [row for batch in opened.batches() for row in batch.to_pylist()]
    assert [(row["src"], row["day"]) for row in rows] == [(1, "1"), (2, "2"), (3, "2")]
    (table / "3.parquet").write_bytes((table / "day=1" / "0.parquet").read_bytes())
    with pytest.raises(DataError, match="All parts must have the same"):
        open_edges(table)
