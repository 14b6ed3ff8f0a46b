"""Files as other programs leave them: without a header, from graph editors, with ids that look alike."""

from __future__ import annotations

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recdiff.data.dataset import SocialDataset
from recdiff.data.edge_stream import open_edges
from recdiff.errors import DataError

BY_POSITION = {"src": "0", "dst": "1"}


def social(tmp_path: Path, text: str, mapping: dict[str, str] | None = None) -> SocialDataset:
    (tmp_path / "social.csv").write_text(text, encoding="utf-8")
    return SocialDataset.read(tmp_path, mapping=mapping)


def notices(dataset: SocialDataset) -> dict[str, tuple[int, str]]:
    return {each.kind: (each.count, each.message) for each in dataset.notices}


@pytest.mark.parametrize(
    ("one", "other"), [("7", " 7"), ("7", "007"), ("7", "7.0"), ("caf\u00e9", "cafe\u0301"), ("ann", "ann ")]
)
def test_ids_that_look_alike_are_named(tmp_path: Path, one: str, other: str) -> None:
    found = notices(social(tmp_path, f"src,dst\n{one},bob\nbob,{other}\n"))
    count, message = found["look_alike_ids"]
    assert count == 1
    assert message.startswith("ids of users that differ from another only by spaces")
    assert repr(one) in message
    assert repr(other) in message


@pytest.mark.parametrize("text", ["1,2\n2,3\n", "0,7\n7,8\n", "a,b\nb,a0\n", "10,1\n100,1\n"])
def test_ids_that_differ_are_not(tmp_path: Path, text: str) -> None:
    assert "look_alike_ids" not in notices(social(tmp_path, f"src,dst\n{text}"))


@pytest.mark.parametrize("text", ["5,6\n6,7\n7,5\n", "0,6\n6,7\n7,0\n", "ann,bob\nbob,cy\ncy,ann\n"])
def test_columns_by_position_mean_that_there_is_no_header(tmp_path: Path, text: str) -> None:
    dataset = social(tmp_path, text, BY_POSITION)
    assert len(dataset.edges) == 3
    (batch,) = open_edges(tmp_path / "social.csv", mapping=BY_POSITION).batches()
    assert [",".join(map(str, row.values())) for row in batch.to_pylist()] == text.split()


@pytest.mark.parametrize("header", ["0,1", "src,dst", "follower,whom"])
def test_a_header_is_one_all_the_same(tmp_path: Path, header: str) -> None:
    mapping = BY_POSITION if header == "0,1" else {"src": header.split(",")[0], "dst": header.split(",")[1]}
    assert len(social(tmp_path, f"{header}\n5,6\n6,7\n7,5\n", mapping).edges) == 3


def test_rows_of_a_file_without_a_header_are_its_lines(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"social\.csv, row 2, column '0': the id is empty"):
        social(tmp_path, "5,6\n,7\n", BY_POSITION)
    with pytest.raises(DataError, match=r"social\.csv, row 3: '7' has too few fields: 1"):
        social(tmp_path, "5,6\n6,7\n7\n", BY_POSITION)


def test_numbers_that_may_be_names_or_ids_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"looks like a row; columns are counted from 0, as in --map src=0 --map dst=1"):
        social(tmp_path, "1,2\n2,3\n3,1\n", {"src": "1", "dst": "2"})


@pytest.mark.parametrize(("word", "directed"), [("Undirected", False), ("Directed", True), ("friend", True)])
def test_what_a_graph_editor_says_of_direction_decides(tmp_path: Path, word: str, directed: bool) -> None:
    rows = "".join(f"{pair},{word},{row}\n" for row, pair in enumerate(("1,2", "2,3", "3,1")))
    assert social(tmp_path, f"Source,Target,Type,Id\n{rows}").directed is directed


def test_the_header_of_our_neo4j_files_is_understood(tmp_path: Path) -> None:
    rows = "1,0.5,2,FOLLOWS\n2,0.5,3,FOLLOWS\n"
    dataset = social(tmp_path, f":START_ID(User),fake_score:float,:END_ID(User),:TYPE\n{rows}")
    assert dataset.edges.tolist() == [[0, 1], [1, 2]]


def test_a_line_that_begins_with_a_hash_may_be_the_header(tmp_path: Path) -> None:
    assert social(tmp_path, "# FromNodeId,ToNodeId\n5,6\n6,7\n").edges.tolist() == [[0, 1], [1, 2]]


NOTES = "# Directed graph: x.txt\n#\n\n## it's \"quoted\n# Nodes: 3 Edges: 2\n"


@pytest.mark.parametrize(
    ("text", "mapping"),
    [
        (f"{NOTES}# FromNodeId\tToNodeId\n5\t6\n6\t7\n", None),
        (f"{NOTES}src\tdst\n5\t6\n6\t7\n", None),
        (f"{NOTES}# one\ttwo\nsrc\tdst\n5\t6\n6\t7\n", None),
        (f"{NOTES}# one\ttwo\n5\t6\n6\t7\n", {"src": "# one", "dst": "two"}),
        (f"{NOTES}# one\ttwo\n5\t6\n6\t7\n", BY_POSITION),
        (f"{NOTES}5\t6\n6\t7\n", BY_POSITION),
        (f"\ufeff{NOTES}5\t6\r\n6\t7\r\n", BY_POSITION),
    ],
)
def test_comment_above_the_table_is_skipped_in_folders_and_streams(
    tmp_path: Path, text: str, mapping: dict[str, str] | None
) -> None:
    file = tmp_path / "social.tsv"
    file.write_text(text, encoding="utf-8", newline="")
    dataset = SocialDataset.read(tmp_path, mapping=mapping)
    assert dataset.users.values.to_pylist() == [5, 6, 7]
    assert dataset.edges.tolist() == [[0, 1], [1, 2]]
    (batch,) = open_edges(file, mapping=mapping).batches()
    assert batch.to_pydict() == {"src": [5, 6], "dst": [6, 7]}
    file.write_text(text.rstrip("\r\n").rpartition("\t")[0] + "\t\n", encoding="utf-8", newline="")
    line = len(text.splitlines())
    for read in (
        lambda: SocialDataset.read(tmp_path, mapping=mapping),
        lambda: list(open_edges(file, mapping).batches(9)),
    ):
        with pytest.raises(DataError, match=f"row {line}, column '.*': the id is empty"):
            read()


def test_ids_that_begin_with_a_hash_are_no_comment(tmp_path: Path) -> None:
    assert len(social(tmp_path, "#a,#b\n#b,c\n", BY_POSITION).users) == 3


def test_names_in_capitals_are_found(tmp_path: Path) -> None:
    (tmp_path / "SOCIAL.CSV").write_text("src,dst\n5,6\n6,7\n")
    (tmp_path / "Interactions.TSV.GZ").write_bytes(gzip.compress(b"user_id\titem_id\n5\t1\n"))
    assert SocialDataset.read(tmp_path).train.nnz == 1
    (batch,) = open_edges(tmp_path / "SOCIAL.CSV").batches()
    assert batch.num_rows == 2


@pytest.mark.parametrize("ids", [([5, 6], [7]), (["a", "b"], ["b2"]), ([5, 6], ["x"])])
def test_a_table_may_be_a_folder_of_parts(tmp_path: Path, ids: tuple[list[object], list[object]]) -> None:
    folder = tmp_path / "social.parquet"
    folder.mkdir()
    (folder / "_SUCCESS").write_text("")
    one, other = ids
    pq.write_table(
        pa.table({"src": one[:0], "dst": one[:0]}, pa.schema([("src", pa.int64()), ("dst", pa.int64())])),
        folder / "part-0.parquet",
    )
    pq.write_table(pa.table({"src": one, "dst": one[::-1]}), folder / "part-1.parquet")
    pq.write_table(pa.table({"src": other, "dst": [type(other[0])(one[0])]}), folder / "part-2.parquet")
    dataset = SocialDataset.read(tmp_path)
    ties = [[str(each) for each in dataset.users.take(pair).to_pylist()] for pair in dataset.edges]
    first, second, third = (str(each) for each in (*one, *other))
    assert ties == [[first, second], [second, first], [third, first]]


def test_a_bad_part_is_named(tmp_path: Path) -> None:
    (tmp_path / "social.parquet").mkdir()
    pq.write_table(pa.table({"src": [1, None], "dst": [2, 3]}), tmp_path / "social.parquet" / "part-0.parquet")
    with pytest.raises(DataError, match=r"social\.parquet/part-0\.parquet, row 2, column 'src': the id is null"):
        SocialDataset.read(tmp_path)


def test_tables_that_are_not_read_are_named_where_interactions_are_missing(tmp_path: Path) -> None:
    (tmp_path / "ratings.csv").write_text("user_id,item_id\n5,6\n")
    (tmp_path / "readme.txt").write_text("")
    message = notices(social(tmp_path, "src,dst\n5,6\n"))["social_only"][1]
    assert message.endswith("not read: ratings.csv (rename what holds interactions to interactions.*)")
