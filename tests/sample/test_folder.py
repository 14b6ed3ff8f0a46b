"""The sample is the same for the same seed, looks like a society, and tells the truth about its fakes."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import scipy.sparse as sp
from numpy.typing import NDArray

from recdiff.data.dataset import SocialDataset
from recdiff.errors import UsageError
from recdiff.fakes.kinds import in_sample
from recdiff.sample import folder as module
from recdiff.sample.folder import Sample, make_sample, write_sample

KINDS = tuple(each.name for each in in_sample())


@pytest.fixture(scope="module")
def made() -> Sample:
    return make_sample(3000, seed=1)


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


@pytest.mark.parametrize("limit", [10, 1000])
def test_the_seed_decides_every_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    monkeypatch.setattr(module, "CSV_USERS", limit)
    for name, seed in (("one", 5), ("same", 5), ("other", 6)):
        write_sample(tmp_path / name, users=200, seed=seed)
    assert digests(tmp_path / "one") == digests(tmp_path / "same")
    assert not set(digests(tmp_path / "one").values()) & set(digests(tmp_path / "other").values())


@pytest.mark.parametrize(("limit", "suffix"), [(10, "parquet"), (1000, "csv")])
def test_it_is_read_back_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int, suffix: str) -> None:
    monkeypatch.setattr(module, "CSV_USERS", limit)
    made = write_sample(tmp_path, users=200)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"interactions.{suffix}", f"social.{suffix}", "truth.parquet"
    ]  # fmt: skip
    dataset = SocialDataset.read(tmp_path)
    assert dataset.mirrored
    assert 2 * len(dataset.edges) == made.social.num_rows == made.truth.num_rows
    assert dataset.train.nnz + dataset.validation.nnz + dataset.test.nnz == made.interactions.num_rows
    assert not {"duplicate_edges", "duplicate_interactions", "self_ties"} & {each.kind for each in dataset.notices}
    truth = pq.read_table(tmp_path / "truth.parquet")
    assert truth.schema.names == ["src", "dst", "is_fake", "kind"]
    assert truth.select(["src", "dst"]).to_pydict() == made.social.to_pydict()


def test_truth_adds_up(made: Sample) -> None:
    kinds = {row["values"]: row["counts"] for row in made.truth["kind"].value_counts().to_pylist()}
    assert set(kinds) == {"real", *KINDS}
    assert pc.equal(
        made.truth["is_fake"], pc.not_equal(made.truth["kind"].cast(pa.string()), "real")
    ).unique().to_pylist() == [True]
    fakes = sum(kinds[kind] for kind in KINDS)
    assert 0.17 < fakes / kinds["real"] < 0.2
    assert min(kinds[kind] for kind in KINDS) > 0.1 * fakes


def test_both_directions_carry_the_same_kind(made: Sample) -> None:
    rows = list(zip(*(made.truth[name].to_pylist() for name in ("src", "dst", "kind")), strict=True))
    kind = {(src, dst): label for src, dst, label in rows}
    assert len(kind) == len(rows)
    assert all(kind[dst, src] == label for (src, dst), label in kind.items())


def graph(made: Sample) -> tuple[sp.csr_matrix, NDArray[np.int64], NDArray[np.str_]]:
    """Return the adjacency of all ties, its rows' ends (rows, 2) and their kinds."""
    names = pc.unique(made.truth["src"].cast(pa.string()))
    ends = np.column_stack([
        pc.index_in(made.truth[end].cast(pa.string()), value_set=names).to_numpy() for end in ("src", "dst")
    ])  # fmt: skip
    shape = (len(names), len(names))
    adjacency = sp.csr_matrix((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=shape)
    return adjacency, ends, np.array(made.truth["kind"].to_pylist())


def test_it_looks_like_a_society(made: Sample) -> None:
    adjacency, _, _ = graph(made)
    degree = np.asarray(adjacency.sum(axis=1)).ravel()
    closed = (adjacency @ adjacency).multiply(adjacency).sum() / (degree * (degree - 1)).sum()
    assert 0.08 < closed < 0.3
    assert degree.max() > 8 * np.median(degree)
    assert 8 < degree.mean() < 20


def test_kinds_are_what_they_say(made: Sample) -> None:
    adjacency, ends, kinds = graph(made)
    degree = np.asarray(adjacency.sum(axis=1)).ravel()
    common = np.asarray((adjacency @ adjacency)[ends[:, 0], ends[:, 1]]).ravel()
    shared = {kind: common[kinds == kind].mean() for kind in ("real", *KINDS)}
    popular = {kind: degree[ends[kinds == kind]].mean() for kind in ("real", *KINDS)}
    assert common[kinds == "two-hop"].min() >= 1
    assert shared["real"] > shared["two-hop"] > shared["camouflage"] > shared["uniform"]
    assert popular["degree"] > 1.3 * popular["uniform"]
    # A farm is dense: to a count of common friends it looks like a community.
    assert shared["farm"] > 3 * shared["uniform"]
    farms = np.unique(ends[kinds == "farm"])
    assert len(farms) < 0.1 * adjacency.shape[0] + (kinds == "farm").sum() / 2


def test_taste_follows_community_only_partly(made: Sample) -> None:
    _, ends, kinds = graph(made)
    names = pc.unique(made.truth["src"].cast(pa.string()))
    users = pc.index_in(made.interactions["user_id"].cast(pa.string()), value_set=names)
    known = users.is_valid()
    items = made.interactions["item_id"].combine_chunks().indices
    rows, columns = (part.filter(known).to_numpy() for part in (users.combine_chunks(), items))
    likes = sp.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(len(names), made.items))
    alike = np.asarray(likes[ends[:, 0]].multiply(likes[ends[:, 1]]).sum(axis=1)).ravel() > 0
    assert alike[kinds == "real"].mean() > 3 * alike[kinds == "uniform"].mean()
    assert alike[kinds == "real"].mean() < 0.5


def test_ids_say_nothing_about_fakes(made: Sample) -> None:
    fake = made.truth.filter(pc.equal(made.truth["kind"].cast(pa.string()), "farm"))
    numbers = [int(name.rsplit("-", 1)[1]) for end in ("src", "dst") for name in fake[end].unique().to_pylist()]
    assert abs(np.mean(numbers) - 1500) < 300


def test_farm_accounts_are_new_and_idle(made: Sample) -> None:
    counts = made.interactions.group_by("user_id").aggregate([("timestamp", "count"), ("timestamp", "min")])
    farm = made.truth.filter(pc.equal(made.truth["kind"].cast(pa.string()), "farm"))["src"].cast(pa.string())
    real = made.truth.filter(pc.equal(made.truth["kind"].cast(pa.string()), "real"))["src"].cast(pa.string())
    names = counts["user_id"].cast(pa.string())
    idle = counts.filter(pc.and_(pc.is_in(names, value_set=farm), pc.invert(pc.is_in(names, value_set=real))))
    assert idle.num_rows > 30
    # A real user without real ties may be among them as a buyer.
    assert np.quantile(idle["timestamp_count"], 0.9) <= 3
    assert np.quantile(idle["timestamp_min"], 0.1) > np.quantile(made.interactions["timestamp"], 0.5)


@pytest.mark.parametrize("users", [49, 0, -3, 10_000_001])
def test_users_out_of_range(tmp_path: Path, users: int) -> None:
    with pytest.raises(UsageError) as caught:
        write_sample(tmp_path / "data", users=users)
    assert str(caught.value) == f"users={users} is out of range; accepted: 50 to 10000000"
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("users", [50, 51, 64, 99])
def test_small_samples(users: int) -> None:
    made = make_sample(users)
    assert made.users == users
    assert pc.sum(made.truth["is_fake"]).as_py() > 0


def test_an_earlier_sample_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_sample(tmp_path, users=60)
    monkeypatch.setattr(module, "CSV_USERS", 10)
    write_sample(tmp_path, users=60)
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".parquet"] * 3


def test_an_earlier_sample_stays_where_a_new_one_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_sample(tmp_path, users=60)
    before, write = digests(tmp_path), module._write

    def failing(table: pa.Table, path: Path) -> None:
        if path.name == "truth.parquet":
            raise OSError("disk full")
        write(table, path)

    monkeypatch.setattr(module, "_write", failing)
    with pytest.raises(OSError, match="disk full"):
        write_sample(tmp_path, users=70)
    assert digests(tmp_path) == before


@pytest.mark.parametrize("name", ["social.csv", "notes.txt", "truth.parquet"])
def test_other_files_are_left_alone(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"mine")
    with pytest.raises(UsageError) as caught:
        write_sample(tmp_path, users=60)
    assert str(caught.value) == (f"{tmp_path}: holds files that are no earlier sample ({name}); name an empty folder")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"mine"]


def test_a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(b"mine")
    with pytest.raises(UsageError) as caught:
        write_sample(tmp_path / "data", users=60)
    assert str(caught.value) == f"{tmp_path}/data: is a file; name a folder for the sample"
