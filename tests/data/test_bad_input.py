"""Everything that is wrong with a data folder is told in one message, word for word."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recdiff.data.dataset import SocialDataset
from recdiff.errors import DataError, UsageError

EXPECTED = (
    "expected social.{csv,tsv,parquet} and interactions.{csv,tsv,parquet} (text also as .gz or .zst), "
    "or RecBole's NAME.net and NAME.inter, or the published dataset.pkl"
)
SOCIAL = b"src,dst\n1,2\n2,3\n"
INTERACTIONS = b"user_id,item_id\n1,10\n2,20\n"
EMPTY_ID = "the id is empty; every row needs an id, a whole number or text"
NUMBER = "is not a finite number; accepted: finite numbers such as 3.5"
SPLITS = "accepted: train, val, valid, validation, test"
DST_NAMES = (
    "dst, destination, target, target_id, to, to_id, user2, user_2, user_id_2, followee, followee_id, trustee, "
    "friend_id, friend, friendid, end_id, tonodeid"
)
QUOTE = "a quote opened here is never closed, or its field is longer than 131072 bytes"


def fails(folder: Path, files: dict[str, bytes], **options: Any) -> str:
    for name, content in files.items():
        (folder / name).write_bytes(content)
    before = sorted(folder.iterdir())
    with pytest.raises(DataError) as caught:
        SocialDataset.read(folder, **options)
    assert caught.value.exit_code == 3
    assert sorted(folder.iterdir()) == before
    return str(caught.value).replace(f"{folder}/", "").replace(str(folder), "DATA")


SOCIAL_FILES = {
    "empty": (b"", "social.csv: the file is empty; it needs a header and rows"),
    "blank lines": (b"\n\r\n\n", "social.csv: the file holds blank lines only; it needs a header and rows"),
    "header only": (b"src,dst\n", "social.csv: the file has a header and no rows; it needs at least one row"),
    "header without line end": (b"src,dst", "social.csv: the file has a header and no rows; it needs at least one row"),
    "too few fields": (b"src,dst\n1,2\n3\n", "social.csv, row 3: '3' has too few fields: 1, and the header has 2"),
    "too many fields": (
        b"src,dst\n1,2,3\n1,2\n",
        "social.csv, row 2: '1,2,3' has too many fields: 3, and the header has 2",
    ),
    "not utf-8": (
        b"src,dst\n1,2\n\xff\xfe,3\n",
        "social.csv, row 3: bytes ff fe are not UTF-8; save the file as UTF-8",
    ),
    "not utf-8 in an unused column": (
        b"src,dst,note\n1,2,\xe9t\xe9\n",
        "social.csv, row 2: bytes e9 are not UTF-8; save the file as UTF-8",
    ),
    "not utf-8 in the header": (
        b"src,dst,\xff\n1,2,3\n",
        "social.csv, row 1: bytes ff are not UTF-8; save the file as UTF-8",
    ),
    "cut in a character": (b"src,dst\n1,caf\xc3", "social.csv, row 2: bytes c3 are not UTF-8; save the file as UTF-8"),
    "utf-16": ("src,dst\n1,2\n".encode("utf-16"), "social.csv: the file is UTF-16; save it as UTF-8"),
    "empty id": (b"src,dst\n1,2\n,3\n", f"social.csv, row 3, column 'src': {EMPTY_ID}"),
    "quoted empty id": (b'src,dst\n1,""\n', f"social.csv, row 2, column 'dst': {EMPTY_ID}"),
    "open quote": (b'src,dst\n1,2\n3,"4\n5,6\n', f"social.csv, row 3: {QUOTE}"),
    "open quote in the last row": (b'src,dst\n1,2\n3,"4', f"social.csv, row 3: {QUOTE}"),
    "open quote that leaves too few fields": (b'src,dst\n1,2\n"3,4\n', f"social.csv, row 3: {QUOTE}"),
    "open quote in the header": (b'src,"dst\n', f"social.csv, row 1: {QUOTE}"),
    "weight not finite": (b"src,dst,weight\n1,2,inf\n", f"social.csv, row 2, column 'weight': 'inf' {NUMBER}"),
    "weight no number": (b"src,dst,weight\n1,2,1\n2,3,\n", f"social.csv, row 3, column 'weight': '' {NUMBER}"),
    "unknown users": (
        b"src,dst\n7,8\n",
        "social.csv: none of its users is in interactions.csv: it names users such as 7, interactions.csv such as 1; "
        "the two files must use the same user ids",
    ),
    "column missing": (
        b"src,dts\n1,2\n",
        "social.csv: column dst is missing (did you mean 'dts'?); the header has 'src', 'dts'. Rename a column or pass "
        f"--map dst=COLUMN; accepted names: {DST_NAMES}",
    ),
    "no header": (
        b"1,2\n2,3\n",
        "social.csv: 2 problems\n"
        "  column src is missing; the header has '1', '2'. Rename a column or pass --map src=COLUMN; accepted names: "
        "src, source, source_id, from, from_id, user1, user_1, user_id_1, follower, follower_id, truster, trustor, "
        "user_id, user, userid, start_id, fromnodeid\n"
        "  column dst is missing; the header has '1', '2'. Rename a column or pass --map dst=COLUMN; accepted names: "
        f"{DST_NAMES}",
    ),
    "column twice": (
        b"src,dst,src\n1,2,3\n",
        "social.csv, column 'src': appears 2 times in the header; it must appear once",
    ),
    "two columns for one": (
        b"from,source,dst\n1,2,3\n",
        "social.csv: columns 'source', 'from' could each be src; choose one with --map src=source",
    ),
    "several problems": (
        b'src,dst,weight\n1,2\n1,2,3,4\n,5,1\n"a\nb",,x\n6,7,1\n',
        "social.csv: 5 problems\n"
        "  row 2: '1,2' has too few fields: 2, and the header has 3\n"
        "  row 3: '1,2,3,4' has too many fields: 4, and the header has 3\n"
        f"  row 4, column 'src': {EMPTY_ID}\n"
        f"  row 5, column 'dst': {EMPTY_ID}\n"
        f"  row 5, column 'weight': 'x' {NUMBER}",
    ),
    "rows after blank lines and quoted ones": (
        b'src,dst\n\n"a\r\nb",2\n\n\n1,\n',
        f"social.csv, row 7, column 'dst': {EMPTY_ID}",
    ),
}


@pytest.mark.parametrize(("content", "message"), SOCIAL_FILES.values(), ids=SOCIAL_FILES)
def test_social_file(tmp_path: Path, content: bytes, message: str) -> None:
    assert fails(tmp_path, {"social.csv": content, "interactions.csv": INTERACTIONS}) == message


INTERACTION_FILES = {
    "unknown split": (
        b"user_id,item_id,split\n1,2,train\n2,3,tset\n",
        f"interactions.csv, row 3, column 'split': the split 'tset' is unknown; {SPLITS}",
    ),
    "empty split": (
        b"user_id,item_id,split\n1,2,train\n2,3,\n",
        f"interactions.csv, row 3, column 'split': the split '' is unknown; {SPLITS}",
    ),
    "nothing to train on": (
        b"user_id,item_id,split\n1,2,val\n2,3,test\n",
        "interactions.csv: no row has the split train; training needs at least one",
    ),
    "rating not finite": (
        b"user_id,item_id,rating\n1,2,nan\n2,3,-inf\n2,4,1e999\n",
        "interactions.csv: 3 problems\n"
        f"  row 2, column 'rating': 'nan' {NUMBER}\n"
        f"  row 3, column 'rating': '-inf' {NUMBER}\n"
        f"  row 4, column 'rating': '1e999' {NUMBER}",
    ),
    "item missing": (
        b"user_id,itm_id\n1,2\n",
        "interactions.csv: column item_id is missing (did you mean 'itm_id'?); the header has 'user_id', 'itm_id'. "
        "Rename a column or pass --map item_id=COLUMN; accepted names: item_id, item, itemid, iid, product_id, "
        "business_id, movie_id, artist_id, artistid",
    ),
}


@pytest.mark.parametrize(("content", "message"), INTERACTION_FILES.values(), ids=INTERACTION_FILES)
def test_interactions_file(tmp_path: Path, content: bytes, message: str) -> None:
    assert fails(tmp_path, {"social.csv": SOCIAL, "interactions.csv": content}) == message


def test_problems_of_both_files_come_together(tmp_path: Path) -> None:
    files = {"social.csv": b"src,dst\n1,\n", "interactions.csv": b"user_id,item_id\n,1\n"}
    assert fails(tmp_path, files) == (
        f"social.csv, row 2, column 'dst': {EMPTY_ID}\ninteractions.csv, row 2, column 'user_id': {EMPTY_ID}"
    )


def test_many_problems_are_counted(tmp_path: Path) -> None:
    message = fails(tmp_path, {"social.csv": b"src,dst\n" + b"1\n" * 30 + b",2\n" * 40})
    lines = message.splitlines()
    assert lines[0] == "social.csv: 70 problems"
    assert lines[1] == "  row 2: '1' has too few fields: 1, and the header has 2"
    assert lines[20] == "  row 21: '1' has too few fields: 1, and the header has 2"
    assert lines[21:] == ["  and 50 more"]


def test_fewer_than_two_users(tmp_path: Path) -> None:
    assert fails(tmp_path, {"social.csv": b"src,dst\n1,1\n"}) == "social.csv: 1 user in all; at least two are needed"


def test_self_ties_only(tmp_path: Path) -> None:
    message = "social.csv: no edge between two different users; at least one is needed"
    assert fails(tmp_path, {"social.csv": b"src,dst\n1,1\n2,2\n"}) == message


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        SocialDataset.read(tmp_path / "none")
    assert str(caught.value) == f"{tmp_path}/none: no such folder; {EXPECTED}"


def test_a_file_where_a_folder_is_meant(tmp_path: Path) -> None:
    (tmp_path / "social.csv").write_bytes(SOCIAL)
    with pytest.raises(DataError) as caught:
        SocialDataset.read(tmp_path / "social.csv")
    assert str(caught.value) == f"{tmp_path}/social.csv: is a file; give the folder that holds it. {EXPECTED}"


def test_no_social_file(tmp_path: Path) -> None:
    assert fails(tmp_path, {"interactions.csv": INTERACTIONS}) == (
        f"DATA: no social file; found interactions.csv; {EXPECTED}"
    )


def test_empty_folder(tmp_path: Path) -> None:
    assert fails(tmp_path, {}) == f"DATA: no social file; found nothing; {EXPECTED}"


def test_social_file_almost_named(tmp_path: Path) -> None:
    assert fails(tmp_path, {"socials.csv": SOCIAL}) == (
        f"DATA: no social file (did you mean socials.csv to be it?); found socials.csv; {EXPECTED}"
    )


def test_interactions_file_almost_named(tmp_path: Path) -> None:
    assert fails(tmp_path, {"social.csv": SOCIAL, "interaction.csv": INTERACTIONS}) == (
        "DATA: no interactions file (did you mean interaction.csv to be it?); rename it, or move it away to fit on "
        "edges alone"
    )


@pytest.mark.parametrize("other", ["social.tsv", "social.parquet", "social.csv.gz", "name.net"])
def test_two_social_files(tmp_path: Path, other: str) -> None:
    names = sorted(["social.csv", other])
    assert fails(tmp_path, {"social.csv": SOCIAL, other: SOCIAL}) == (
        f"DATA: {names[0]} and {names[1]} could each be the social file; keep one of them"
    )


def test_damaged_gzip(tmp_path: Path) -> None:
    assert fails(tmp_path, {"social.csv.gz": b"plain"}) == (
        "social.csv.gz: the file cannot be read: zlib inflate failed: incorrect header check"
    )


def test_truncated_gzip(tmp_path: Path) -> None:
    whole = gzip.compress(b"src,dst\n" + b"".join(b"%d,%d\n" % (n, n * n) for n in range(5000)))
    assert fails(tmp_path, {"social.csv.gz": whole[: len(whole) // 2]}) == (
        "social.csv.gz: the file cannot be read: Truncated compressed stream"
    )


def test_damaged_zstd(tmp_path: Path) -> None:
    assert fails(tmp_path, {"social.tsv.zst": b"plain text"}) == (
        "social.tsv.zst: the file cannot be read: ZSTD decompress failed: Unknown frame descriptor"
    )


def test_empty_gzip(tmp_path: Path) -> None:
    assert fails(tmp_path, {"social.csv.gz": gzip.compress(b"")}) == (
        "social.csv.gz: the file is empty; it needs a header and rows"
    )


def test_no_parquet(tmp_path: Path) -> None:
    assert fails(tmp_path, {"social.parquet": b"src,dst\n1,2\n"}).startswith(
        "social.parquet: not a readable Parquet file: "
    )


def test_empty_parquet(tmp_path: Path) -> None:
    assert fails(tmp_path, {"social.parquet": b""}) == "social.parquet: the file is empty; it needs columns and rows"


def parquet(folder: Path, **columns: pa.Array) -> None:
    pq.write_table(pa.table(columns), folder / "social.parquet")


def test_parquet_without_rows(tmp_path: Path) -> None:
    parquet(tmp_path, src=pa.array([], pa.int64()), dst=pa.array([], pa.int64()))
    message = "social.parquet: the file has a header and no rows; it needs at least one row"
    assert fails(tmp_path, {}) == message


def test_parquet_types(tmp_path: Path) -> None:
    parquet(tmp_path, src=pa.array([1.0]), dst=pa.array([b"x"]), weight=pa.array(["1"]))
    assert fails(tmp_path, {}) == (
        "social.parquet: 3 problems\n"
        "  column 'src': has type double; accepted: whole numbers or text\n"
        "  column 'dst': has type binary; accepted: whole numbers or text\n"
        "  column 'weight': has type string; accepted: numbers"
    )


def test_parquet_values(tmp_path: Path) -> None:
    parquet(
        tmp_path,
        src=pa.array([1, None, 2**63], pa.uint64()),
        dst=pa.array(["a", "", None]),
        weight=pa.array([1.0, float("nan"), None]),
    )
    assert fails(tmp_path, {}) == (
        "social.parquet: 6 problems\n"
        "  row 2, column 'src': the id is null; every row needs an id, a whole number or text\n"
        f"  row 2, column 'dst': {EMPTY_ID}\n"
        f"  row 2, column 'weight': nan {NUMBER}\n"
        "  row 3, column 'src': the id 9223372036854775808 is beyond 2^63-1; store such ids as text\n"
        "  row 3, column 'dst': the id is null; every row needs an id, a whole number or text\n"
        f"  row 3, column 'weight': None {NUMBER}"
    )


def test_time_split_without_times(tmp_path: Path) -> None:
    files = {"social.csv": SOCIAL, "interactions.csv": INTERACTIONS}
    assert fails(tmp_path, files, split="time") == (
        "interactions.csv: a split by time needs column timestamp (a number or a date per row); it is missing"
    )


def test_time_split_of_bad_times(tmp_path: Path) -> None:
    times = b"user_id,item_id,timestamp\n1,2,2024-05-31\n2,3,soon\n1,3,nan\n"
    accepted = "is no time; accepted: a finite number (seconds) or a date such as 2024-05-31 or 2024-05-31T12:00:00"
    assert fails(tmp_path, {"social.csv": SOCIAL, "interactions.csv": times}, split="time") == (
        "interactions.csv: 2 problems\n"
        f"  row 3, column 'timestamp': 'soon' {accepted}\n"
        f"  row 4, column 'timestamp': 'nan' {accepted}"
    )


def test_mapped_column_missing(tmp_path: Path) -> None:
    assert fails(tmp_path, {"social.csv": b"follows,dst\n1,2\n"}, mapping={"src": "folows"}) == (
        "social.csv: column 'folows', mapped to src, is missing (did you mean 'follows'?); "
        "the header has 'follows', 'dst'"
    )


def test_one_column_for_two(tmp_path: Path) -> None:
    assert fails(tmp_path, {"social.csv": b"src,dst\n1,2\n"}, mapping={"dst": "src"}) == (
        "social.csv, column 'src': stands for src and dst at once; map them to different columns"
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"mapping": {"user": "a"}},
            "--map user=...: 'user' is no column of ours (did you mean 'user_id'?); accepted: dst, item_id, rating, "
            "split, src, tied_at, timestamp, user_id, weight",
        ),
        ({"split": "date"}, "split='date' is unknown; accepted: ratio, time"),
    ],
)
def test_options(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    (tmp_path / "social.csv").write_bytes(SOCIAL)
    with pytest.raises(UsageError) as caught:
        SocialDataset.read(tmp_path, **options)
    assert str(caught.value) == message


def test_time_split_against_a_split_column(tmp_path: Path) -> None:
    (tmp_path / "social.csv").write_bytes(SOCIAL)
    (tmp_path / "interactions.csv").write_bytes(b"user_id,item_id,timestamp,split\n1,2,3,train\n")
    with pytest.raises(UsageError, match="brings a split column; drop it, or do not ask for a split by time"):
        SocialDataset.read(tmp_path, split="time")
