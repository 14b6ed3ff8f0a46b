"""A folder becomes users, items, three matrices and ties, and tells what it had to handle."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recdiff.data.dataset import Notice, SocialDataset

SOCIAL = "src,dst\n1,2\n2,1\n2,3\n3,2\n"
INTERACTIONS = "user_id,item_id,split\n1,10,train\n2,10,val\n3,30,test\n3,10,train\n"


def write(folder: Path, **files: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_bytes(content.encode())
    return folder


def read(folder: Path, social: str = SOCIAL, interactions: str | None = INTERACTIONS) -> SocialDataset:
    write(folder, social__csv=social)
    if interactions is not None:
        write(folder, interactions__csv=interactions)
    return SocialDataset.read(folder)


def kinds(dataset: SocialDataset) -> dict[str, int]:
    return {notice.kind: notice.count for notice in dataset.notices}


def ties(dataset: SocialDataset) -> list[tuple[object, object]]:
    ends = [dataset.users.take(dataset.edges[:, end]).to_pylist() for end in (0, 1)]
    return list(zip(*ends, strict=True))


def same(one: SocialDataset, other: SocialDataset) -> None:
    assert one.users == other.users
    assert one.items == other.items
    assert ties(one) == ties(other)
    for name in ("train", "validation", "test"):
        assert (getattr(one, name) != getattr(other, name)).nnz == 0


def test_a_small_folder(tmp_path: Path) -> None:
    dataset = read(tmp_path)
    assert dataset.users.values.to_pylist() == [1, 2, 3]
    assert dataset.items.values.to_pylist() == [10, 30]
    assert dataset.train.toarray().tolist() == [[1, 0], [0, 0], [1, 0]]
    assert dataset.validation.toarray().tolist() == [[0, 0], [1, 0], [0, 0]]
    assert dataset.test.toarray().tolist() == [[0, 0], [0, 0], [0, 1]]
    assert {matrix.dtype for matrix in (dataset.train, dataset.validation, dataset.test)} == {np.dtype(np.float32)}
    assert dataset.edges.tolist() == [[0, 1], [1, 2]]
    assert dataset.edges.dtype == np.int64
    assert (dataset.directed, dataset.mirrored) == (False, True)
    assert dataset.notices == (
        Notice("direction", 2, "undirected edges: 2, each listed in both directions"),
        Notice("users_without_test_items", 2, "users with interactions but no test items: 2"),
        Notice("test_items_not_in_training", 1, "test items never seen in training: 1"),
    )


def test_everything_handled_is_counted(tmp_path: Path) -> None:
    social = "src,dst,weight,note\n1,2,1,a\n1,2,2,b\n4,4,1,c\n2,9,1,d\n"
    rows = "user_id,item_id,rating,split\n1,5,1,train\n1,5,2,train\n1,5,3,test\n2,6,1,test\n3,5,4,train\n"
    assert kinds(read(tmp_path, social, rows)) == {
        "rating_not_used": 5,
        "duplicate_interactions": 1,
        "split_overlap": 1,
        "weight_not_used": 4,
        "unused_columns": 1,
        "self_ties": 1,
        "duplicate_edges": 1,
        "direction": 2,
        "users_without_interactions": 2,
        "users_without_ties": 1,
        "users_without_test_items": 2,
        "test_items_not_in_training": 1,
    }


def test_messages_of_unused_columns(tmp_path: Path) -> None:
    messages = [str(notice) for notice in read(tmp_path, "src,dst,weight,spilt,x y\n1,2,3,4,5\n").notices]
    assert "social.csv: weight is checked but not used, every row counts the same" in messages
    assert "social.csv: columns not used: 'spilt', 'x y'" in messages


def test_an_overlap_stays_in_training(tmp_path: Path) -> None:
    dataset = read(tmp_path, SOCIAL, "user_id,item_id,split\n1,5,test\n1,5,valid\n1,5,train\n2,5,test\n2,5,val\n")
    assert dataset.train.toarray().tolist() == [[1], [0], [0]]
    assert dataset.validation.toarray().tolist() == [[0], [1], [0]]
    assert dataset.test.nnz == 0


def test_splits_in_any_case(tmp_path: Path) -> None:
    dataset = read(tmp_path, SOCIAL, "user_id,item_id,split\n1,1,TRAIN\n1,2,Validation\n1,3,Valid\n1,4,VAL\n1,5,Test\n")
    assert (dataset.train.nnz, dataset.validation.nnz, dataset.test.nnz) == (1, 3, 1)


def test_without_interactions(tmp_path: Path) -> None:
    dataset = read(tmp_path, "src,dst\nb,a\nc,b\n", None)
    assert dataset.users.values.to_pylist() == ["a", "b", "c"]
    assert len(dataset.items) == 0
    assert dataset.train.shape == dataset.validation.shape == dataset.test.shape == (3, 0)
    assert dataset.directed
    assert kinds(dataset) == {"social_only": 0, "direction": 2}


ODD_IDS = ["007", "7", " 7", "9223372036854775807", 'say "hi"', "tab\there", "new\nline", "🙂", "NULL", "nan", "a,b"]


@pytest.mark.parametrize("suffix", ["csv", "tsv"])
def test_ids_survive_untouched(tmp_path: Path, suffix: str) -> None:
    separator = "," if suffix == "csv" else "\t"
    quoted = ['"' + text.replace('"', '""') + '"' for text in ODD_IDS]
    rows = [f"{one}{separator}{other}" for one, other in zip(quoted, quoted[1:] + quoted[:1], strict=True)]
    (tmp_path / f"social.{suffix}").write_bytes("\n".join([f"src{separator}dst", *rows]).encode())
    dataset = SocialDataset.read(tmp_path)
    assert ties(dataset) == list(zip(ODD_IDS, ODD_IDS[1:] + ODD_IDS[:1], strict=True))


def test_one_text_id_makes_every_user_id_text(tmp_path: Path) -> None:
    dataset = read(tmp_path, "src,dst\n1,2\n2,007\n")
    assert dataset.users.values.to_pylist() == ["007", "1", "2", "3"]
    assert dataset.items.values.to_pylist() == [10, 30]


def test_typed_text_of_parquet_stays_text(tmp_path: Path) -> None:
    pq.write_table(pa.table({"src": ["1"], "dst": ["2"]}), tmp_path / "social.parquet")
    write(tmp_path, interactions__csv=INTERACTIONS)
    assert SocialDataset.read(tmp_path).users.values.to_pylist() == ["1", "2", "3"]


def as_parquet(folder: Path, **options: object) -> None:
    social = {"src": pa.array([1, 2, 2, 3], pa.int32()), "dst": pa.array([2, 1, 3, 2]).dictionary_encode()}
    rows = {"user_id": [1, 2, 3, 3], "item_id": pa.array([10, 10, 30, 10], pa.uint64())}
    rows["split"] = pa.array(["train", "val", "test", "train"]).dictionary_encode()
    pq.write_table(pa.table(social), folder / "social.parquet", **options)
    pq.write_table(pa.table(rows), folder / "interactions.parquet", **options)


def as_compressed(folder: Path) -> None:
    (folder / "social.csv.gz").write_bytes(gzip.compress(SOCIAL.encode()[:12]) + gzip.compress(SOCIAL.encode()[12:]))
    tabbed = INTERACTIONS.replace(",", "\t").encode()
    (folder / "interactions.tsv.zst").write_bytes(pa.Codec("zstd").compress(tabbed, asbytes=True))


def as_recbole(folder: Path) -> None:
    net = SOCIAL.replace("src,dst", "source_id:token\ttarget_id:token").replace(",", "\t")
    inter = INTERACTIONS.replace("user_id,item_id,split", "user_id:token\titem_id:token\tsplit:token")
    write(folder, **{"mine.net": net, "mine.inter": inter.replace(",", "\t")})


def as_windows_text(folder: Path) -> None:
    text = {"social__csv": SOCIAL, "interactions__csv": INTERACTIONS}
    write(folder, **{name: "\ufeff" + content.replace("\n", "\r\n") for name, content in text.items()})


def as_quoted_other_names(folder: Path) -> None:
    social = SOCIAL.replace("src,dst", '"Follower ID","friendID"')
    write(folder, social__csv=social, interactions__csv=INTERACTIONS.replace("user_id,item_id", "User,product-id"))


@pytest.mark.parametrize("form", [as_parquet, as_compressed, as_recbole, as_windows_text, as_quoted_other_names])
def test_other_forms_of_the_same(tmp_path: Path, form: object) -> None:
    assert callable(form)
    (tmp_path / "other").mkdir()
    form(tmp_path / "other")
    same(SocialDataset.read(tmp_path / "other"), read(tmp_path / "plain"))


def test_row_groups_with_their_own_dictionaries(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    as_parquet(tmp_path / "other", row_group_size=1)
    same(SocialDataset.read(tmp_path / "other"), read(tmp_path / "plain"))


def test_mapped_columns(tmp_path: Path) -> None:
    social = SOCIAL.replace("src,dst", "who,whom")
    write(tmp_path / "other", social__csv=social, interactions__csv=INTERACTIONS.replace("item_id", "thing"))
    mapping = {"src": "who", "dst": "whom", "item_id": "thing"}
    same(SocialDataset.read(tmp_path / "other", mapping=mapping), read(tmp_path / "plain"))


def test_a_mapped_column_beats_a_recognised_one(tmp_path: Path) -> None:
    write(tmp_path, social__csv="src,dst,real\n1,2,8\n2,1,9\n")
    assert ties(SocialDataset.read(tmp_path, mapping={"src": "real"})) == [(8, 2), (9, 1)]


def many_rows(order: np.ndarray) -> str:
    rows = [f"{row % 40},{row * 7 % 50},{row}" for row in range(900)]
    return "\n".join(["user_id,item_id,timestamp", *(rows[at] for at in order)])


@pytest.mark.parametrize("split", ["ratio", "time"])
def test_the_order_of_rows_does_not_matter(tmp_path: Path, split: str) -> None:
    rng = np.random.default_rng(0)
    found = []
    for turn in range(2):
        order = np.arange(900) if turn == 0 else rng.permutation(900)
        write(tmp_path / f"{turn}", social__csv="src,dst\n1,2\n2,3\n", interactions__csv=many_rows(order))
        found.append(SocialDataset.read(tmp_path / f"{turn}", seed=3, split="time" if split == "time" else "ratio"))
    same(*found)


def test_the_seed_divides(tmp_path: Path) -> None:
    write(tmp_path, social__csv="src,dst\n1,2\n2,3\n", interactions__csv=many_rows(np.arange(900)))
    one, other = (SocialDataset.read(tmp_path, seed=seed) for seed in (1, 2))
    whole = [data.train + data.validation + data.test for data in (one, other)]
    assert whole[0].max() == 1
    assert (whole[0] != whole[1]).nnz == 0
    assert (one.test != other.test).nnz > 0


def test_split_by_time(tmp_path: Path) -> None:
    days = [f"1,{item},2024-05-{31 - item:02d}T12:00:00" for item in range(9)] + ["1,9,1717243200", "1,9,0"]
    write(tmp_path, social__csv="src,dst\n1,2\n", interactions__csv="\n".join(["user,item,time", *days]))
    dataset = SocialDataset.read(tmp_path, split="time")
    # Item 9 counts at its first time, 1970; item 0 is the latest.
    assert dataset.test.indices.tolist() == [0, 1]
    assert dataset.validation.indices.tolist() == [2]


@pytest.mark.parametrize(
    "times",
    [
        pa.array([3, 1, 2], pa.int64()),
        pa.array([3.5, -1.0, 2.0]),
        pa.array([3, 1, 2], pa.timestamp("ms")),
        pa.array([3, 1, 2], pa.timestamp("ns", "Europe/Berlin")),
        pa.array([3, 1, 2], pa.date32()),
        pa.array(["2024-01-03", "2024-01-01", "2024-01-02"]),
        pa.array(["2024-01-01T02:00:00-01:00", "2024-01-01T02:00:00Z", "2024-01-01 02:30:00"]),
        pa.array(["3", "1", "2"]).dictionary_encode(),
    ],
)
def test_forms_of_time(tmp_path: Path, times: pa.Array) -> None:
    write(tmp_path, social__csv="src,dst\n1,2\n")
    rows = {"user_id": [1, 1, 1], "item_id": [7, 8, 9], "timestamp": times}
    pq.write_table(pa.table(rows), tmp_path / "interactions.parquet")
    dataset = SocialDataset.read(tmp_path, split="time")
    assert dataset.items.take(dataset.test.indices).to_pylist() == [7]


def test_times_are_not_looked_at_unasked(tmp_path: Path) -> None:
    assert read(tmp_path, SOCIAL, "user_id,item_id,timestamp\n1,2,soon\n").train.nnz == 1


def test_replace_edges(tmp_path: Path) -> None:
    dataset = read(tmp_path)
    other = dataset.replace_edges(np.array([[2, 0]]))
    assert other.edges.tolist() == [[2, 0]]
    assert dataset.edges.tolist() == [[0, 1], [1, 2]]
    assert other.users is dataset.users


@pytest.mark.parametrize(
    ("edges", "message"),
    [
        ([[0, 3]], r"edges must hold positions in 0\.\.2, got 0\.\.3"),
        ([[-1, 0]], r"edges must hold positions in 0\.\.2, got -1\.\.0"),
        ([0, 1], r"edges must have shape \(E, 2\), got \(2,\)"),
    ],
)
def test_replace_edges_refuses(tmp_path: Path, edges: list[object], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        read(tmp_path).replace_edges(np.array(edges))
