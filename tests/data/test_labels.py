"""Labels: words and numbers, and what of them can be used."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pv
import pyarrow.parquet as pq
import pytest

from recdiff.data.dataset import SocialDataset
from recdiff.data.ids import Ids
from recdiff.data.labels import read_account_labels, read_labels
from recdiff.errors import DataError
from recdiff.model.known import label_notices

USERS = Ids(pa.array([1, 2, 3, 4]))


@pytest.mark.parametrize(
    ("column", "fake", "real"),
    [
        ("label", "fake", "real"),
        ("label", " Bad", "GOOD"),
        ("label", "-1", "1"),
        ("is_fake", "true", "False"),
        ("is_fake", "1", "0"),
        ("is_fake", "fake", "good"),
    ],
)
def test_words_and_numbers_say_which_is_fake(tmp_path: Path, column: str, fake: str, real: str) -> None:
    (tmp_path / "known.csv").write_text(f"src,dst,{column}\n1,2,{fake}\n2,3,{real}\n")
    labels = read_labels(tmp_path / "known.csv", USERS)
    assert labels.pairs.tolist() == [[0, 1], [1, 2]]
    assert labels.is_fake.tolist() == [True, False]


@pytest.mark.parametrize(("column", "value"), [("label", "true"), ("label", "0"), ("is_fake", "-1"), ("label", "")])
def test_what_leaves_a_doubt_is_named_with_its_line(tmp_path: Path, column: str, value: str) -> None:
    (tmp_path / "known.csv").write_text(f"src,dst,{column}\n\n1,2,fake\n2,3,{value}\n")
    with pytest.raises(
        DataError, match=rf"known\.csv, row 4, column '{column}': '{value}' is no label; accepted: .*fake"
    ):
        read_labels(tmp_path / "known.csv", USERS)
    table = pa.table({"src": [1, 2], "dst": [2, 3], column: ["fake", value]})
    pq.write_table(table, tmp_path / "known.parquet")
    with pytest.raises(DataError, match=rf"known\.parquet, row 2, column '{column}': '{value}'"):
        read_labels(tmp_path / "known.parquet", USERS)


@pytest.fixture
def dataset(tmp_path: Path) -> SocialDataset:
    (tmp_path / "social.csv").write_text("src,dst\n1,2\n2,3\n3,4\n4,1\n")
    return SocialDataset.read(tmp_path)


def said(dataset: SocialDataset, tmp_path: Path, rows: str) -> dict[str, tuple[int, str]]:
    (tmp_path / "known.csv").write_text(f"src,dst,label\n{rows}")
    found = label_notices(dataset, read_labels(tmp_path / "known.csv", dataset.users))
    return {each.kind: (each.count, each.message) for each in found}


def test_labels_of_edges_that_are_not_there_are_counted_and_named(dataset: SocialDataset, tmp_path: Path) -> None:
    found = said(dataset, tmp_path, "1,2,fake\n2,3,real\n1,3,fake\n9,1,real\n")
    words = "labelled edges that are not in the data, left out: 2 ('9', '1'; '1', '3')"
    assert found == {"labels_not_in_data": (2, words)}
    assert said(dataset, tmp_path, "1,2,fake\n2,3,real\n") == {}


def test_labels_that_contradict_each_other_are_counted_and_named(dataset: SocialDataset, tmp_path: Path) -> None:
    found = said(dataset, tmp_path, "1,2,fake\n2,3,real\n1,2,real\n3,4,fake\n")
    words = "edges labelled both fake and real, the last row counts: 1 ('1', '2')"
    assert found == {"labels_contradict": (1, words)}


@pytest.mark.parametrize(("sort", "other"), [("fake", "real"), ("real", "fake")])
def test_labels_of_one_sort_are_used_and_said_to_be(
    dataset: SocialDataset, tmp_path: Path, sort: str, other: str
) -> None:
    count, words = said(dataset, tmp_path, f"1,2,{sort}\n2,3,{sort}\n")["labels_of_one_sort"]
    assert count == 2
    assert words.startswith(f"labels are all {sort}: 2; they weigh in training")
    assert words.endswith(f"need some that are {other} too")


@pytest.mark.parametrize("name", ["labels.csv", "labels.parquet"])
def test_labels_of_accounts(tmp_path: Path, name: str) -> None:
    rows = pa.table({"user_id": ["a", "007", "c"], "label": ["bad", "good", "fake"], "note": ["", "x", "y"]})
    file = tmp_path / name
    pq.write_table(rows, file) if name.endswith("parquet") else pv.write_csv(rows, file)
    found = read_account_labels(file)
    assert found is not None
    assert found.ids.to_pylist() == ["a", "007", "c"]
    assert found.is_fake.tolist() == [True, False, True]


@pytest.mark.parametrize(
    "header", ["User ID,Is-Fake", "account_id,IS_FAKE", "user_id:token,is_fake:float", "uid,is_fake"]
)
def test_columns_of_account_labels_are_recognised_as_everywhere(tmp_path: Path, header: str) -> None:
    (tmp_path / "labels.csv").write_text(f"{header}\n7,1\n8,0\n")
    found = read_account_labels(tmp_path / "labels.csv")
    assert found is not None
    assert (found.ids.to_pylist(), found.is_fake.tolist()) == ([7, 8], [True, False])


def test_labels_of_accounts_may_lie_in_parts(tmp_path: Path) -> None:
    (tmp_path / "labels").mkdir()
    for part, name in enumerate(("a", "b")):
        pq.write_table(pa.table({"user_id": [name], "label": ["bad"]}), tmp_path / f"labels/{part}.parquet")
    found = read_account_labels(tmp_path / "labels")
    assert found is not None
    assert found.ids.to_pylist() == ["a", "b"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"\xff\xfeu\x00", "is UTF-16"),
        (b"user_id,label\na,fake,x\n", "row 2: 'a,fake,x' has too many fields"),
        (b"user_id,label,note,note\na,fake,1,2\n", "column 'note': appears more than once"),
        (b"user_id,label\n", "no rows; expected user_id and label"),
        (b"user_id,verdict\na,fake\n", "expected user_id and is_fake or label"),
        (b"Friend ID,label\na,fake\n", "column src is missing"),
    ],
)
def test_a_file_of_labels_is_read_by_the_one_reader(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "labels.csv").write_bytes(content)
    with pytest.raises(DataError, match=says):
        read_account_labels(tmp_path / "labels.csv") or read_labels(tmp_path / "labels.csv", USERS)


def test_labels_of_edges_are_none_of_accounts(tmp_path: Path) -> None:
    file = tmp_path / "labels.csv"
    file.write_text("src,dst,label\na,b,fake\n")
    assert read_account_labels(file) is None


@pytest.mark.parametrize(
    ("row", "says"), [(",fake", "row 3.*the id is empty"), ("b,maybe", "row 3.*'maybe' is no label")]
)
def test_bad_labels_of_accounts_are_named(tmp_path: Path, row: str, says: str) -> None:
    file = tmp_path / "labels.csv"
    file.write_text(f"user_id,label\na,fake\n{row}\n")
    with pytest.raises(DataError, match=says):
        read_account_labels(file)
