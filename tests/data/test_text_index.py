"""Texts are found whatever their bytes, lengths and hashes."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recdiff.data import text_index
from recdiff.data.ids import Ids
from recdiff.data.text_index import LONGEST, TextIndex

TEXTS = st.one_of(st.text(max_size=20), st.text("\x00a", max_size=20))


@given(st.lists(TEXTS, min_size=1, max_size=60, unique=True), st.lists(st.none() | TEXTS, max_size=60))
def test_against_a_dict(known: list[str], asked: list[str | None]) -> None:
    index = TextIndex.of(pa.array(known, pa.string()))
    assert index is not None
    positions = {text: position for position, text in enumerate(known)}
    expected = [-1 if text is None else positions.get(text, -1) for text in known + asked]
    assert index.find(pa.array(known + asked, pa.string())).tolist() == expected


@given(st.lists(TEXTS, min_size=1, max_size=20, unique=True), st.integers(0, 19), st.integers(0, 19))
def test_slices(known: list[str], start: int, length: int) -> None:
    values = pa.array(known, pa.string())
    part = values.slice(start, length)
    index = TextIndex.of(values)
    assert index is not None
    assert index.find(part).tolist() == list(range(len(known)))[start : start + length]
    of_part = TextIndex.of(part)
    assert len(part) == 0 or (of_part is not None and of_part.find(part).tolist() == list(range(len(part))))


@pytest.mark.parametrize(
    "collided",
    [
        np.zeros(300, np.int64),  # one hash for all
        np.arange(300, dtype=np.int64) // 2,  # two texts a hash
        # As many hashes as texts, in one bucket: of each product with the table's multiplier the low bits alone differ.
        (np.arange(300, dtype=np.uint64) * np.uint64(pow(0x9E3779B97F4A7C15, -1, 1 << 64))).view(np.int64),
    ],
)
def test_texts_made_to_collide_are_left_to_arrow(monkeypatch: pytest.MonkeyPatch, collided: np.ndarray) -> None:
    monkeypatch.setattr(text_index, "_hash", lambda words, lengths: np.resize(collided, len(lengths)))
    known = pa.array([f"user-{number:03}" for number in range(300)])
    assert TextIndex.of(known) is None
    asked = pa.concat_arrays([known, pa.array(["user-300", None])])
    assert Ids(known).index(asked).tolist() == [*range(300), -1, -1]


def test_an_unknown_text_with_the_hash_of_a_known_one_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_index, "_hash", lambda words, lengths: words[0].view(np.int64) & 0xFF)
    index = TextIndex.of(pa.array(["a1", "b"]))
    assert index is not None
    assert index.find(pa.array(["a2", "b", "a1", "b0"])).tolist() == [-1, 1, 0, -1]


def test_many_texts_as_arrow_finds_them() -> None:
    rng = np.random.default_rng(0)
    known = pc.binary_join_element_wise(
        pa.array(["u"] * 50_000), pa.array(rng.permutation(10**6)[:50_000]).cast(pa.string()), "-"
    )
    asked = pc.binary_join_element_wise(
        pa.array(["u"] * 90_000), pa.array(rng.integers(0, 10**6, 90_000)).cast(pa.string()), "-"
    )
    index = TextIndex.of(known)
    assert index is not None
    assert index.find(asked).tolist() == pc.index_in(asked, value_set=known).fill_null(-1).to_pylist()


def test_long_texts_are_left_to_arrow() -> None:
    known = ["a" * (LONGEST + 1), "b"]
    assert TextIndex.of(pa.array(known)) is None
    assert Ids(pa.array(known)).index(["b", "a" * (LONGEST + 1), "a" * LONGEST, None]).tolist() == [1, 0, -1, -1]
    assert TextIndex.of(pa.array([], pa.string())) is None


def test_longest_and_longer() -> None:
    known = ["a" * LONGEST, "b"]
    index = TextIndex.of(pa.array(known))
    assert index is not None
    assert index.find(pa.array(["a" * (LONGEST + 9), "b", "a" * LONGEST])).tolist() == [-1, 1, 0]
