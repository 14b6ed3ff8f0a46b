"""Ties stream in batches of a fixed size, from one file or many, and a bad part is named."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recdiff.data import text_file as text
from recdiff.data.edge_stream import open_edges
from recdiff.errors import DataError, UsageError

ROWS = 1000
TABLE = pa.table({
    "src": pa.array(np.arange(ROWS)),
    "dst": pa.array(np.arange(ROWS)[::-1]),
    "note": pa.array([f"n{number}" for number in range(ROWS)]),
})  # fmt: skip


def as_csv(table: pa.Table, delimiter: str = ",") -> bytes:
    rows = zip(*(column.to_pylist() for column in table.columns), strict=True)
    lines = [delimiter.join(table.schema.names), *(delimiter.join(map(str, row)) for row in rows)]
    return "\n".join(lines).encode() + b"\n"


def write(folder: Path, form: str) -> Path:
    """Write TABLE in one of several forms and return where it is."""
    if form == "parquet":
        pq.write_table(TABLE, folder / "edges.parquet", row_group_size=300)
        return folder / "edges.parquet"
    if form == "csv":
        (folder / "edges.csv").write_bytes(as_csv(TABLE))
        return folder / "edges.csv"
    if form == "tsv.gz":
        (folder / "edges.tsv.gz").write_bytes(gzip.compress(as_csv(TABLE, "\t")))
        return folder / "edges.tsv.gz"
    (folder / "parts" / "deeper").mkdir(parents=True)
    pq.write_table(TABLE.slice(0, 333), folder / "parts" / "part-0.parquet")
    pq.write_table(TABLE.slice(333, 0), folder / "parts" / "part-1.parquet")
    (folder / "parts" / "part-2.csv").write_bytes(as_csv(TABLE.slice(333, 400)))
    pq.write_table(TABLE.slice(733), folder / "parts" / "deeper" / "z.parquet")
    (folder / "parts" / "deeper").rename(folder / "parts" / "z")
    for name in ("_SUCCESS", ".part-0.crc", "readme.md"):
        (folder / "parts" / name).write_bytes(b"not a part")
    return folder / "parts"


@pytest.mark.parametrize("form", ["parquet", "csv", "tsv.gz", "folder"])
@pytest.mark.parametrize("rows", [1, 7, 250, 1000, 5000])
def test_all_rows_in_equal_batches(tmp_path: Path, form: str, rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "_BLOCK", 512)
    batches = list(open_edges(write(tmp_path, form)).batches(rows))
    assert [batch.num_rows for batch in batches[:-1]] == [rows] * (len(batches) - 1)
    assert pa.Table.from_batches(batches).to_pydict() == TABLE.to_pydict()
    assert batches[0].schema.types[:2] == [pa.int64(), pa.int64()]


def test_what_is_known_beforehand(tmp_path: Path) -> None:
    assert open_edges(write(tmp_path, "parquet")).rows == ROWS
    assert open_edges(write(tmp_path, "csv")).rows is None
    assert open_edges(write(tmp_path, "parquet")).schema == TABLE.schema


def test_memory_is_bounded_by_the_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "_BLOCK", 1 << 14)
    (tmp_path / "edges.csv").write_bytes(b"src,dst\n" + b"abcdefgh,ijklmnop\n" * 400_000)
    before = pa.total_allocated_bytes()
    most = 0
    for batch in open_edges(tmp_path / "edges.csv").batches(1000):
        most = max(most, pa.total_allocated_bytes() - before)
        del batch
    assert most < 2_000_000


@pytest.mark.parametrize(
    ("content", "src"),
    [
        (b"src,dst\n1,2\n3,4\n", [1, 3]),
        (b"src,dst\n1,2\n03,4\n", ["1", "03"]),
        (b"src,dst\n1,2\n3,x\n", ["1", "3"]),
        (b'\xef\xbb\xbf"src","dst"\r\n"a, b","2"\r\n\r\n"""",4', ["a, b", '"']),
    ],
)
def test_types_of_ids_in_text(tmp_path: Path, content: bytes, src: list[object]) -> None:
    (tmp_path / "edges.csv").write_bytes(content)
    assert [
        value for batch in open_edges(tmp_path / "edges.csv").batches(1) for value in batch["src"].to_pylist()
    ] == src


def test_one_text_part_makes_all_ids_text(tmp_path: Path) -> None:
    pq.write_table(pa.table({"src": [1], "dst": [2]}), tmp_path / "a.parquet")
    (tmp_path / "b.csv").write_bytes(b"source_id,target_id\nx,3\n")
    batches = list(open_edges(tmp_path).batches())
    assert batches[0].to_pydict() == {"src": ["1", "x"], "dst": ["2", "3"]}


def test_other_columns_keep_their_types(tmp_path: Path) -> None:
    table = pa.table({
        "when": pa.array([1, 2], pa.timestamp("ms")), "to": pa.array(["b", "c"]).dictionary_encode(),
        "from": pa.array(["a", "b"], pa.large_string()), "tags": [[1], []],
    })  # fmt: skip
    pq.write_table(table, tmp_path / "edges.parquet")
    (batch,) = open_edges(tmp_path / "edges.parquet").batches()
    assert batch.schema.names == ["src", "dst", "when", "tags"]
    assert batch.schema.types[:3] == [pa.string(), pa.string(), pa.timestamp("ms")]
    assert batch.to_pydict()["tags"] == [[1], []]


def test_mapped_columns(tmp_path: Path) -> None:
    (tmp_path / "edges.csv").write_bytes(b"a,b\n1,2\n")
    (batch,) = open_edges(tmp_path / "edges.csv", mapping={"src": "b", "dst": "a"}).batches()
    assert batch.to_pydict() == {"src": [2], "dst": [1]}
    with pytest.raises(UsageError, match="'source' is no column of ours"):
        open_edges(tmp_path / "edges.csv", {"source": "a"})


def test_no_rows_no_batches(tmp_path: Path) -> None:
    (tmp_path / "edges.csv").write_bytes(b"src,dst\n")
    assert list(open_edges(tmp_path / "edges.csv").batches()) == []


def fails(folder: Path, path: Path) -> str:
    with pytest.raises(DataError) as caught:
        for _ in open_edges(path).batches(2):
            pass
    return str(caught.value).replace(str(folder), "D")


EMPTY_ID = "the id is empty; every row needs an id, a whole number or text"
QUOTE = "a quote opened here is never closed, or its field is longer than 131072 bytes"
TWICE = "appears more than once; columns that come along need names of their own"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "D/edges.csv: the file is empty; it needs a header and rows"),
        (b"src,dst\n1,2\n3,4\n5\n", "D/edges.csv, row 4: '5' has too few fields: 1, and the header has 2"),
        (b"src,dst\n1,2\n3,4\n\n,6\n", f"D/edges.csv, row 5, column 'src': {EMPTY_ID}"),
        (b'src,dst\n1,2\n3,4\n"a\nb",\n', f"D/edges.csv, row 4, column 'dst': {EMPTY_ID}"),
        (b"src,dst\na,2\n3,4\n5,\xff\n", "D/edges.csv, row 4: bytes ff are not UTF-8; save the file as UTF-8"),
        (b'src,dst\n1,2\n"3,4\n', f"D/edges.csv, row 3: {QUOTE}"),
        (b"src,dst,x,x\n1,2,3,4\n", f"D/edges.csv, column 'x': {TWICE}"),
    ],
)  # fmt: skip
def test_bad_text(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "edges.csv").write_bytes(content)
    assert fails(tmp_path, tmp_path / "edges.csv") == message


def test_a_bad_part_is_named(tmp_path: Path) -> None:
    folder = write(tmp_path, "folder")
    whole = (folder / "part-0.parquet").read_bytes()
    (folder / "part-0.parquet").write_bytes(whole[:200])
    assert fails(tmp_path, folder).startswith("D/parts/part-0.parquet: not a readable Parquet file: ")
    damaged = bytearray(whole)
    damaged[4:400] = bytes(396)
    (folder / "part-0.parquet").write_bytes(damaged)
    assert fails(tmp_path, folder).startswith("D/parts/part-0.parquet: not a readable Parquet file: ")


def test_null_ids_and_wrong_types(tmp_path: Path) -> None:
    path = tmp_path / "edges.parquet"
    pq.write_table(pa.table({"src": pa.array([1, 2, None, 4]), "dst": ["a", "", "b", None]}), path)
    assert fails(tmp_path, path) == f"D/edges.parquet, row 2, column 'dst': {EMPTY_ID}"
    pq.write_table(pa.table({"src": [1.5], "dst": ["a"]}), path)
    assert (
        fails(tmp_path, path)
        == "D/edges.parquet, column 'src': has type double; accepted: whole numbers or text; cast it to int64"
    )
    pq.write_table(pa.table({"src": pa.array([2**63], pa.uint64()), "dst": [1]}), path)
    assert fails(tmp_path, path) == (
        "D/edges.parquet, row 1, column 'src': the id 9223372036854775808 is beyond 2^63-1; store such ids as text"
    )


def test_parts_must_agree(tmp_path: Path) -> None:
    folder = write(tmp_path, "folder")
    pq.write_table(TABLE.select(["src", "dst"]), folder / "part-3.parquet")
    assert fails(tmp_path, folder) == (
        "D/parts/part-3.parquet: its columns beside src and dst are none; those of D/parts/part-0.parquet are "
        "note string. All parts must have the same"
    )


def test_nothing_there(tmp_path: Path) -> None:
    assert fails(tmp_path, tmp_path / "none") == "D/none: no such file or folder"
    (tmp_path / "parts").mkdir()
    assert fails(tmp_path, tmp_path / "parts") == (
        "D/parts: holds no part; accepted: .parquet, .csv, .tsv and .net files, text also .gz or .zst"
    )
    (tmp_path / "edges.txt").write_bytes(b"1 2")
    assert fails(tmp_path, tmp_path / "edges.txt") == (
        "D/edges.txt: is no text table; accepted: .csv, .tsv, .inter, .net, also .gz or .zst"
    )
