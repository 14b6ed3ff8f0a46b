"""The published pickle is read without running it; a hostile or foreign one is refused."""

from __future__ import annotations

import os
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from recdiff.data.dataset import SocialDataset
from recdiff.errors import DataError

RNG = np.random.default_rng(0)
INTERACTIONS = sp.random_array((6, 9), density=0.7, random_state=RNG, format="coo")
PART = RNG.integers(0, 3, INTERACTIONS.nnz)
TRUST = [(0, 1), (1, 0), (2, 3), (3, 2), (4, 0), (0, 4)]


def content(form: str = "csr", dtype: str = "float64") -> dict[str, Any]:
    def part(number: int) -> Any:
        kept = number == PART
        rows, columns = (at[kept] for at in INTERACTIONS.coords)
        return sp.coo_matrix((np.ones(len(rows), dtype), (rows, columns)), shape=(6, 9)).asformat(form)

    rows, columns = np.array(TRUST).T
    trust = sp.csr_matrix((np.ones(len(TRUST), np.int32), (rows, columns)), shape=(6, 6))
    whole = {"train": part(0), "val": part(1), "test": part(2), "trust": trust}
    return {**whole, "userCount": 6, "itemCount": np.int64(9), "category": sp.csr_matrix(np.eye(3))}


def refused(folder: Path, data: bytes) -> str:
    path = folder / "dataset.pkl"
    path.write_bytes(data)
    with pytest.raises(DataError) as caught:
        SocialDataset.read(folder)
    return str(caught.value).removeprefix(f"{path}: not the published data set: ")


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(("form", "dtype"), [("csr", "float64"), ("coo", "int32"), ("coo", "bool")])
def test_it_is_read(tmp_path: Path, protocol: int, form: str, dtype: str) -> None:
    (tmp_path / "dataset.pkl").write_bytes(pickle.dumps(content(form, dtype), protocol))
    dataset = SocialDataset.read(tmp_path)
    assert dataset.users.values.to_pylist() == list(range(6))
    assert dataset.items.values.to_pylist() == list(range(9))
    for number, matrix in enumerate((dataset.train, dataset.validation, dataset.test)):
        assert np.array_equal(matrix.toarray(), content()[("train", "val", "test")[number]].toarray())
    assert dataset.edges.tolist() == [[0, 1], [0, 4], [2, 3]]
    assert dataset.mirrored


def test_numbers_in_the_other_byte_order(tmp_path: Path) -> None:
    whole = content()
    for name in ("data", "indices", "indptr"):
        array = getattr(whole["train"], name)
        whole["train"].__dict__[name] = array.astype(array.dtype.newbyteorder(">"))
    (tmp_path / "dataset.pkl").write_bytes(pickle.dumps(whole))
    assert (SocialDataset.read(tmp_path).train != content()["train"].tocsr()).nnz == 0


def test_a_file_by_name_and_its_zip(tmp_path: Path) -> None:
    (tmp_path / "ciao.pkl").write_bytes(pickle.dumps(content()))
    with zipfile.ZipFile(tmp_path / "dataset.pkl.zip", "w") as archive:
        archive.write(tmp_path / "ciao.pkl", "ciao.pkl")
        archive.writestr("__MACOSX/._ciao.pkl", b"junk")
    plain, zipped = (SocialDataset.read(tmp_path / name) for name in ("ciao.pkl", "dataset.pkl.zip"))
    assert (plain.train != zipped.train).nnz == 0
    assert plain.edges.tolist() == zipped.edges.tolist()


def test_a_pair_in_two_parts_stays_in_the_first(tmp_path: Path) -> None:
    whole = content()
    whole["val"] = whole["val"] + whole["train"]
    (tmp_path / "dataset.pkl").write_bytes(pickle.dumps(whole))
    dataset = SocialDataset.read(tmp_path)
    assert dataset.validation.nnz == content()["val"].nnz
    assert {notice.kind: notice.count for notice in dataset.notices}["split_overlap"] == content()["train"].nnz


class Hostile:
    """Runs a command when it is unpickled by the standard library."""

    def __init__(self, function: Any, *args: Any) -> None:
        self.call = (function, args)

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(
    ("function", "argument", "name"),
    [
        (os.system, "touch owned", "posix.system"),
        (eval, "open('owned', 'w')", "builtins.eval"),
        (getattr, os, "builtins.getattr"),
        (np.load, "owned", "numpy.load"),
        (OrderedDict, (), "collections.OrderedDict"),
    ],
)
def test_a_hostile_pickle_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, protocol: int, function: Any, argument: Any, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    evil = Hostile(function) if argument is os else Hostile(function, argument)
    data = pickle.dumps({**content(), "extra": evil}, protocol) if protocol >= 2 else pickle.dumps(evil, protocol)
    spelled = name.replace("builtins", "__builtin__") if protocol < 3 else name
    message = refused(tmp_path, data)
    assert message == f"it asks for {spelled}; only numpy and scipy.sparse arrays are read"
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the pickle is damaged (ValueError: 'pickle exhausted before seeing STOP')"),
        (b"\xff", None),
        (pickle.dumps([1]), "it is a list; accepted: a dict with train, val, test, trust"),
        (pickle.dumps({"trian": 1}), "the dict has no 'train' (did you mean 'trian'?); it has trian"),
        (pickle.dumps({"train": 1}), "'train' is no scipy.sparse matrix"),
        (b"\x80\x04]r\xff\xff\xff\xff.", "it numbers 4,294,967,295 objects"),
        (b"\x80\x02Pouter\n.", None),
        (b"\x80\x02cnumpy\ndtype\n}\x8c\x01a\x8c\x01bs\x86b.", None),
        (b"\x80\x02cnumpy\nndarray\n(J\xff\xff\xff\x7ftR.", None),
    ],
)
def test_what_is_no_data_set(tmp_path: Path, data: bytes, message: str | None) -> None:
    found = refused(tmp_path, data)
    assert message is None or found == message


def changed(**parts: Any) -> bytes:
    return pickle.dumps({**content(), **parts})


def stated(**state: Any) -> bytes:
    """Return a pickle whose train matrix carries ``state``, written as scipy would."""
    good = content()
    good["train"].__dict__.update(state)
    return pickle.dumps(good)


SHAPE = "(rows, columns), each up to 100,000,000"
NUMBERS = "accepted: b1, f2, f4, f8, i1, i2, i4, i8, u1, u2, u4, u8"
LONG = np.array([0, 1, 2, 3, 4, 5, 6])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (changed(val=sp.csr_matrix((6, 8))), "'val' has shape (6, 8), 'train' has (6, 9)"),
        (changed(trust=sp.csr_matrix((5, 5))), "'trust' has shape (5, 5) for 6 users"),
        (stated(_shape=(6, 9, 1)), f"'train' has the shape (6, 9, 1); accepted: {SHAPE}"),
        (stated(_shape=(6, 2**40)), f"'train' has the shape (6, 1099511627776); accepted: {SHAPE}"),
        (stated(_shape=(6, -9)), f"'train' has the shape (6, -9); accepted: {SHAPE}"),
        (stated(_shape=(6, 1)), "'train' points outside its shape (6, 1)"),
        (stated(_shape=(7, 9)), "'train' has 7 row pointers for 7 rows"),
        (stated(indptr=LONG[::-1].copy()), "'train' has row pointers out of order"),
        (stated(indptr=LONG + 1), "'train' has row pointers out of order"),
        (stated(indices=np.zeros(9)), None),
        (stated(data=np.zeros(3)), None),
        (stated(data="x"), "'train' holds something that is no numpy array"),
        (stated(data=np.array(["x"])), f"'train' holds values of type 'U1'; {NUMBERS}"),
        (stated(data=np.array([None])), f"'train' holds values of type 'O8'; {NUMBERS}"),
        (stated(data=np.zeros((2, 2))), "'train' holds an array of shape (2, 2) in 32 bytes of float64"),
    ],
)  # fmt: skip
def test_what_is_no_matrix(tmp_path: Path, data: bytes, message: str | None) -> None:
    found = refused(tmp_path, data)
    assert message is None or found == message


def test_what_is_no_archive(tmp_path: Path) -> None:
    path = tmp_path / "dataset.pkl.zip"
    path.write_bytes(b"PK no")
    with pytest.raises(DataError, match="the archive cannot be read: File is not a zip file"):
        SocialDataset.read(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", b"")
    with pytest.raises(DataError, match=r"the archive holds 0 \.pkl files; it must hold one"):
        SocialDataset.read(path)


GOOD = pickle.dumps(content())


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), min_size=1, max_size=4), st.booleans())
def test_a_damaged_pickle_never_escapes(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, int]], cut: bool
) -> None:
    data = bytearray(GOOD)
    for at, value in changes:
        data[at] = value
    path = tmp_path_factory.getbasetemp() / "damaged.pkl"
    path.write_bytes(data[: changes[0][0]] if cut else data)
    try:
        SocialDataset.read(path)
    except DataError as error:
        assert str(error).startswith(str(path))  # noqa: PT017 - either outcome is right
