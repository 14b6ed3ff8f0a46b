"""Whatever bytes a folder holds, reading it gives a data set or a DataError."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recdiff.data.dataset import SocialDataset
from recdiff.data.edge_stream import open_edges
from recdiff.errors import DataError

FEW = settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
PIECES = [
    b"1",
    b"2",
    b"007",
    b"a",
    b",",
    b"\t",
    b'"',
    b"\n",
    b"\r\n",
    b"\r",
    b"\xff",
    b"\xc3",
    b"\xc3\xa9",
    b"\x00",
    b" ",
    b"nan",
]
BODY = st.lists(st.sampled_from(PIECES), max_size=40).map(b"".join)
HEADERS = st.sampled_from(
    [b"src,dst", b"src,dst,weight", b'"src","dst"', b"source\ttarget", b"\xef\xbb\xbfsrc,dst", b""]
)
SUFFIXES = st.sampled_from(["csv", "tsv", "csv.gz", "csv.zst", "parquet"])


def outcome(folder: Path) -> SocialDataset | str:
    try:
        return SocialDataset.read(folder)
    except DataError as error:
        return str(error)


def streamed(path: Path) -> bool:
    """Say whether streaming ends with all batches or with an error that names the file."""
    try:
        return all(batch.num_columns >= 2 for batch in open_edges(path).batches(3))
    except DataError as error:
        return str(error).startswith(str(path))


def only(folder: Path, name: str, content: bytes) -> None:
    for path in folder.iterdir():
        path.unlink()
    (folder / name).write_bytes(content)


@FEW
@given(HEADERS, BODY)
def test_text(tmp_path: Path, header: bytes, body: bytes) -> None:
    only(tmp_path, "social.csv", header + b"\n" + body)
    found = outcome(tmp_path)
    if isinstance(found, str):
        assert found.startswith(str(tmp_path / "social.csv"))


@FEW
@given(SUFFIXES, st.binary(max_size=300))
def test_any_bytes(tmp_path: Path, suffix: str, content: bytes) -> None:
    only(tmp_path, f"social.{suffix}", content)
    found = outcome(tmp_path)
    assert isinstance(found, str)
    assert found.startswith(str(tmp_path / f"social.{suffix}"))


@FEW
@given(HEADERS, BODY)
def test_streamed_text(tmp_path: Path, header: bytes, body: bytes) -> None:
    only(tmp_path, "edges.csv", header + b"\n" + body)
    assert streamed(tmp_path / "edges.csv")


IDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=5)


@FEW
@given(st.lists(st.tuples(IDS, IDS), min_size=1, max_size=20), st.booleans(), st.sampled_from(["\n", "\r\n"]))
def test_sound_text_is_read_as_written(tmp_path: Path, rows: list[tuple[str, str]], quote: bool, end: str) -> None:
    stream = io.StringIO(newline="")
    # Python leaves a lone carriage return unquoted where it may.
    careful = quote or any("\r" in text for row in rows for text in row)
    quoting: Literal[0, 1] = csv.QUOTE_ALL if careful else csv.QUOTE_MINIMAL
    csv.writer(stream, quoting=quoting, lineterminator=end).writerows([("src", "dst"), *rows])
    only(tmp_path, "edges.csv", stream.getvalue().encode())
    batches = list(open_edges(tmp_path / "edges.csv").batches(7))
    found = [
        (str(src), str(dst))
        for batch in batches
        for src, dst in zip(*map(pa.Array.to_pylist, batch.columns), strict=True)
    ]
    assert found == rows


def parquet_bytes() -> bytes:
    sink = io.BytesIO()
    table = pa.table({"src": ["a", "b", "c"], "dst": pa.array([2, 3, 2]), "weight": [1.0, 2.0, 3.0]})
    pq.write_table(table, sink)
    return sink.getvalue()


PARQUET = parquet_bytes()


@FEW
@given(st.lists(st.tuples(st.integers(0, len(PARQUET) - 1), st.integers(0, 255)), min_size=1, max_size=3))
def test_damaged_parquet(tmp_path: Path, changes: list[tuple[int, int]]) -> None:
    data = bytearray(PARQUET)
    for at, value in changes:
        data[at] = value
    only(tmp_path, "social.parquet", bytes(data))
    found = outcome(tmp_path)
    if isinstance(found, str):
        assert found.startswith(str(tmp_path / "social.parquet"))
    assert streamed(tmp_path / "social.parquet")


def test_a_very_long_id(tmp_path: Path) -> None:
    only(tmp_path, "social.csv", b"src,dst\n" + b"x" * 5_000_000 + b",2\n")
    found = outcome(tmp_path)
    assert isinstance(found, SocialDataset)
    assert found.users.values.to_pylist() == ["2", "x" * 5_000_000]
