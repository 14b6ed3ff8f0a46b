"""Raw ids survive untouched and are found again."""

from __future__ import annotations

import pickle
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recdiff.data.ids import Coded, Gathered, Ids, integers_of, join

INT64 = st.integers(-(2**63), 2**63 - 1)


def ids_of(values: Sequence[int | str]) -> Ids:
    return Ids(pc.array_take(pa.array(values), pc.sort_indices(pa.array(values))))


@given(st.lists(INT64, min_size=1, unique=True), st.lists(INT64))
def test_integers_are_found(known: list[int], asked: list[int]) -> None:
    ids = ids_of(known)
    expected = [sorted(known).index(number) if number in known else -1 for number in known + asked]
    assert ids.index(pa.array(known + asked, pa.int64())).tolist() == expected


@given(st.lists(st.text(), min_size=1, unique=True), st.lists(st.text()))
def test_texts_are_found(known: list[str], asked: list[str]) -> None:
    ids = Ids(pa.array(sorted(known, key=str.encode)))
    order = ids.values.to_pylist()
    expected = [order.index(text) if text in order else -1 for text in known + asked]
    assert ids.index(known + asked).tolist() == expected


def test_both_lookups_of_texts_agree() -> None:
    ids = ids_of([f"user-{number:05d}" for number in range(2000)])
    few = ids.take(np.arange(0, 2000, 50))
    many = pa.concat_arrays([ids.values, pa.array(["nobody", None])])
    assert ids.index(few).tolist() == list(range(0, 2000, 50))
    assert ids.index(many).tolist() == [*range(2000), -1, -1]
    assert ids.index(["nobody", None, "user-00007"]).tolist() == [-1, -1, 7]


def test_both_lookups_of_integers_agree() -> None:
    dense, sparse = ids_of([10, 11, 13]), ids_of([10, 11, 2**62])
    assert dense.index([9, 10, 12, 13, 14]).tolist() == [-1, 0, -1, 2, -1]
    assert sparse.index([9, 10, 12, 2**62, 2**63 - 1]).tolist() == [-1, 0, -1, 2, -1]
    assert dense.index(pa.array([None, 10])).tolist() == [-1, 0]
    assert sparse.index(pa.array([None, 10])).tolist() == [-1, 0]


def test_numbers_and_their_plain_spelling_are_one() -> None:
    numbers = ids_of([7, -3, 2**63 - 1, 10**18])
    asked = ["7", "007", "+7", " 7", "7.0", "-3", str(2**63 - 1), str(2**63), "x", str(10**18)]
    found = numbers.index(asked)
    assert found.tolist() == [1, -1, -1, -1, -1, 0, 3, -1, -1, 2]
    assert numbers.index(["7", "-3"]).tolist() == [1, 0]
    assert ids_of(["007", "7"]).index(np.array([7, 8])).tolist() == [1, -1]


@pytest.mark.parametrize(
    "raw",
    [
        [1, 3],
        np.array([1, 3], np.uint8),
        pa.array([1, 3], pa.int32()),
        pa.chunked_array([[1], [3]]),
        pa.array([1, 3]).dictionary_encode(),
        ["1", "3"],
        np.array(["1", "3"]),
        np.array(["1", "3"], object),
        pa.array(["1", "3"], pa.large_string()),
    ],
)
def test_what_index_takes(raw: object) -> None:
    assert ids_of([1, 2, 3]).index(raw).tolist() == [0, 2]
    assert ids_of(["1", "2", "3"]).index(raw).tolist() == [0, 2]


@pytest.mark.parametrize("raw", [[1.5], [b"x"], [1, "a"], [2**63], [[1]]])
def test_what_index_refuses(raw: list[object]) -> None:
    with pytest.raises(ValueError, match=r"^ids must be "):
        ids_of([1]).index(raw)


def test_empty_query_and_empty_ids() -> None:
    assert ids_of([1]).index([]).tolist() == []
    assert ids_of(["a"]).index([]).tolist() == []
    assert Ids(pa.array([], pa.string())).index(["a"]).tolist() == [-1]


def test_take_gives_raw_ids_back() -> None:
    ids = ids_of(["007", "7", "tab\there", "🙂"])
    assert ids.take(np.array([3, 0, 0])).to_pylist() == ["🙂", "007", "007"]
    assert ids.take([]).to_pylist() == []
    assert ids_of([5, 9]).take([1]).type == pa.int64()


@pytest.mark.parametrize("positions", [[-1], [0, 2]])
def test_take_refuses_what_is_no_position(positions: list[int]) -> None:
    with pytest.raises(IndexError, match=r"^positions must be in 0\.\.1, got "):
        ids_of([5, 9]).take(positions)


def test_only_two_types() -> None:
    with pytest.raises(ValueError, match=r"^ids must be int64 or string, got int32$"):
        Ids(pa.array([1], pa.int32()))


def test_equality_length_and_type() -> None:
    assert ids_of([1, 2]) == ids_of([2, 1])
    assert ids_of([1]) != ids_of(["1"])
    assert len(ids_of([1, 2])) == 2
    assert ids_of([1]).integers
    assert not ids_of(["1"]).integers


def test_they_travel_to_other_processes() -> None:
    ids = ids_of(["a", "b"])
    ids.index(["a"])
    assert pickle.loads(pickle.dumps(ids)) == ids  # noqa: S301 - our own bytes


@pytest.mark.parametrize(
    ("texts", "whole"),
    [
        (["0", "7", "-7", str(2**63 - 1), str(-(2**63))], True),
        ([], True),
        (["007"], False),
        (["+7"], False),
        (["-0"], False),
        (["0x10"], False),
        (["7 "], False),
        (["1e3"], False),
        ([""], False),
        (["１"], False),
        ([str(2**63)], False),
    ],
)
def test_which_texts_are_whole_numbers(texts: list[str], whole: bool) -> None:
    assert (integers_of(pa.array(texts, pa.string())) is not None) is whole


def coded(values: list[int] | list[str], codes: list[int], spelled: bool = True) -> Coded:
    return Coded(pa.array(values), np.array(codes), spelled)


def test_join_numbers_all_columns_together() -> None:
    ids, (left, right) = join([coded(["10", "9"], [0, 1, 0]), coded(["9", "11"], [1, 0])])
    assert ids.values.to_pylist() == [9, 10, 11]
    assert left.tolist() == [1, 0, 1]
    assert right.tolist() == [2, 0]


def test_one_text_makes_all_text() -> None:
    ids, (left, right) = join([coded(["10", "9"], [0, 1]), coded(["009"], [0])])
    assert ids.values.to_pylist() == ["009", "10", "9"]
    assert (left.tolist(), right.tolist()) == ([1, 2], [0])


def test_typed_text_stays_text() -> None:
    ids, _ = join([coded(["10"], [0], spelled=False), coded([9], [0], spelled=False)])
    assert ids.values.to_pylist() == ["10", "9"]


def test_columns_one_after_the_other_hold_each_id_once() -> None:
    gathered = Gathered()
    for part in (coded([9, 10], [1, 0, 1]), coded([11, 9], [0, 1])):
        gathered.add(part)
    found = gathered.whole()
    assert found.values.to_pylist() == [9, 10, 11]
    assert found.codes.tolist() == [1, 0, 1, 2, 0]
    assert found.codes.dtype == np.int32


def test_columns_of_numbers_and_texts_are_texts() -> None:
    gathered = Gathered()
    for part in (coded([9], [0], spelled=False), coded(["9", "a"], [1, 0]), coded([7], [0], spelled=False)):
        gathered.add(part)
    found = gathered.whole()
    assert found.values.take(pa.array(found.codes)).to_pylist() == ["9", "a", "9", "7"]
    assert not found.spelled
