"""Tables that the adapters' tests hand over, and strategies that make ids."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from hypothesis import settings
from hypothesis import strategies as st

ODD_IDS = ["007", "7", "Zoë 🦊", 'say "hi"', "tab\there", " lead ", "new\nline", "car\rriage", "=1+1", "a,b;c|d", "NA"]
PLAIN_IDS = ["007", "7", "+7", "Zoë🦊", 'say"hi"', "'x'", "=1+1", "a;c|d", "-0", "1e3"]
# Text that leans on what readers of plain files trip over.
any_id = st.text(
    st.one_of(st.sampled_from("07 \t\n\r\"',;=\\#\x00\x1f\x85\xa0\u2028\ufeff🦊"), st.characters(codec="utf-8")),
    max_size=8,
)
id_lists = st.lists(any_id, min_size=2, max_size=6, unique=True)
quick = settings(max_examples=60, deadline=None)
few = settings(max_examples=15, deadline=None)  # for what opens a database each time


def ring(ids: list[Any], keep: list[bool] | None = None, **columns: Any) -> pa.Table:
    """Return edges from each id to the next, the last to the first; scores 0, 1/n, 2/n ..."""
    count = len(ids)
    return pa.table(
        {
            "src": ids,
            "dst": ids[1:] + ids[:1],
            "fake_score": [row / max(count, 1) for row in range(count)],
            "keep": keep or [True] * count,
            **columns,
        }
    )


def edges(**columns: Any) -> pa.Table:
    """Return three edges between string ids, the last one removed, with evidence."""
    return pa.table(
        {
            "src": ["007", "7", "Zoë"],
            "dst": ["7", "Zoë", "007"],
            "fake_score": [0.25, None, 0.875],
            "keep": [True, True, False],
            "common_friends": [3, 0, None],
            "note": ["", None, "far"],
            **columns,
        }
    )


def integer_edges() -> pa.Table:
    """Return three edges between int64 ids, beyond what a float holds."""
    return ring([7, -(2**63), 2**53 + 1])


def recommendations(**columns: Any) -> pa.Table:
    """Return three recommendations; one item has a user's id."""
    return pa.table(
        {
            "user_id": ["007", "007", "7"],
            "item_id": ["7", "lamp", "lamp"],
            "rank": [1, 2, 1],
            "score": [2.5, -0.125, 0.5],
            **columns,
        }
    )


def empty_edges() -> pa.Table:
    """Return a table of no edges."""
    return edges().slice(0, 0)


def rows(table: pa.Table, *names: str) -> list[tuple[Any, ...]]:
    """Return the named columns (all without names) as a list of tuples."""
    chosen = names or table.column_names
    return list(zip(*(table.column(name).to_pylist() for name in chosen), strict=True))
