from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recdiff.data.ids import Ids
from recdiff.graph.key_table import build_key_table
from recdiff_export.runtime.lookup import IdLookup

int64 = st.integers(-(2**63) + 1, 2**63 - 1)


@settings(max_examples=60, deadline=None)
@given(st.sets(int64, min_size=1, max_size=200), st.lists(int64, max_size=50))
def test_key_table_finds_exactly_its_keys(keys: set[int], others: list[int]) -> None:
    stored = np.array(sorted(keys), np.int64)
    table, order = build_key_table(stored)
    rows = table.find(stored)
    assert np.array_equal(stored[order][rows], stored)
    absent = np.array([key for key in others if key not in keys], np.int64)
    assert (table.find(absent) == -1).all()
    assert len(table) == len(stored)


def test_an_empty_key_table_finds_nothing() -> None:
    table, order = build_key_table(np.empty(0, np.int64))
    assert len(table) == len(order) == 0
    assert table.find(np.array([0, 1, -1])).tolist() == [-1, -1, -1]


def test_crowded_buckets_are_searched_to_their_end() -> None:
    keys = np.unique(np.random.default_rng(0).integers(0, 2**60, 50_000))
    table, order = build_key_table(keys)
    assert int(np.diff(table.starts.astype(np.int64)).max()) > 2
    assert np.array_equal(keys[order][table.find(keys)], keys)
    assert (table.find(keys + 1) == -1).all()


@settings(max_examples=60, deadline=None)
@given(st.sets(int64, min_size=1, max_size=100), st.lists(int64, max_size=50), st.integers(-5, 5))
def test_lookup_answers_as_the_ids_do(values: set[int], wanted: list[int], shift: int) -> None:
    ids = Ids(pa.array(sorted(values), pa.int64()))
    near = [min(max(value + shift, -(2**63)), 2**63 - 1) for value in values]
    asked = pa.array([*wanted, *near, -(2**63), 2**63 - 1], pa.int64())
    assert np.array_equal(IdLookup.of(ids).index(asked), ids.index(asked))


@pytest.mark.parametrize("spread", [1, 3, 10**9])
def test_dense_and_sparse_ids_use_tables(spread: int) -> None:
    ids = Ids(pa.array([spread * index - 50 for index in range(100)], pa.int64()))
    lookup = IdLookup.of(ids)
    assert (lookup.slots is None) == (spread == 10**9)
    assert (lookup.table is None) == (spread != 10**9)
    asked = pa.array([*range(-60, 60), spread * 99 - 50, spread * 99 - 49, spread * 100], pa.int64())
    assert np.array_equal(lookup.index(asked), ids.index(asked))


def test_nulls_text_and_no_ids_are_left_to_the_ids() -> None:
    ids = Ids(pa.array([1, 2, 3], pa.int64()))
    lookup = IdLookup.of(ids)
    assert lookup.index(pa.array([1, None, 3])).tolist() == [0, -1, 2]
    assert lookup.index(pa.array(["2", "02"])).tolist() == [1, -1]
    texts = IdLookup.of(Ids(pa.array(["a", "b"])))
    left, right = texts.pair(pa.array(["b", "x"]), pa.array(["a", "b"]))
    assert (left.tolist(), right.tolist()) == ([1, -1], [0, 1])
    empty = IdLookup.of(Ids(pa.array([], pa.int64())))
    assert empty.index(pa.array([1], pa.int64())).tolist() == [-1]
