"""The table of keys finds every key and no other, and lays them out the same whatever sorts them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recdiff.graph import key_table
from recdiff.graph.key_table import build_key_table

KEYS = st.lists(st.integers(-(2**63) + 1, 2**63 - 1), min_size=1, max_size=60, unique=True)


@given(KEYS, KEYS)
def test_against_a_dict(keys: list[int], further: list[int]) -> None:
    table, order = build_key_table(np.array(keys, np.int64))
    rows = {keys[place]: row for row, place in enumerate(order)}
    asked = keys + further
    assert table.find(np.array(asked, np.int64)).tolist() == [rows.get(key, -1) for key in asked]
    assert len(table) == len(keys)


@pytest.mark.parametrize("count", [1, 2, 3, 1_000])
def test_keys_of_one_bucket_keep_their_order(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    keys = np.random.default_rng(count).permutation(count).astype(np.int64)
    table, order = build_key_table(keys)
    monkeypatch.setattr(key_table, "MOST_BITS", 0)
    other, plain = build_key_table(keys)
    assert np.array_equal(order, plain)
    assert np.array_equal(table.keys, other.keys)
    assert np.array_equal(table.starts, other.starts)


def test_the_fullest_bucket_is_told() -> None:
    multiplier = pow(0x9E3779B97F4A7C15, -1, 1 << 64)
    keys = (np.arange(40, dtype=np.uint64) * np.uint64(multiplier)).view(np.int64)
    assert build_key_table(keys)[0].longest == 40
    assert build_key_table(np.arange(40, dtype=np.int64))[0].longest < 10
