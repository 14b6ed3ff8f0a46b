from __future__ import annotations

import pyarrow as pa
import pytest

from recdiff_adapters import AdapterError
from recdiff_adapters.table import EDGES, RECOMMENDATIONS, read_pairs
from tests.adapters import adapter_samples as samples


def test_both_kinds_are_told_apart_by_their_columns() -> None:
    assert read_pairs(samples.edges()).kind == EDGES
    assert read_pairs(samples.recommendations()).kind == RECOMMENDATIONS


def test_the_table_is_unchanged() -> None:
    assert read_pairs(samples.edges()).table.equals(samples.edges())


def test_kept_leaves_removed_edges_out_and_remembers_row_numbers() -> None:
    pairs = read_pairs(samples.ring(["a", "b", "c"], keep=[False, True, True])).kept()
    assert pairs.column("src").to_pylist() == ["b", "c"]
    assert [pairs.row(0), pairs.row(1)] == [2, 3]


def test_dictionaries_and_narrow_integers_are_taken() -> None:
    table = samples.edges(src=pa.array(["007", "7", "7"]).dictionary_encode())
    assert read_pairs(table).column("src").type == pa.string()
    table = samples.integer_edges().set_column(0, "src", pa.array([1, 2, 3], pa.int8()))
    assert read_pairs(table).column("src").type == pa.int64()


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"src": ["a", None, "b"]}, "column src, row 2: None: an id must not be null"),
        ({"src": [0.5, 1.0, 2.0]}, "column src is of type double; ids are int64 or string"),
        ({"src": [1, 2, 3]}, "src is of type int64 and dst of type string"),
        ({"src": pa.array([1, 2**63, 3], pa.uint64())}, "column src has an integer that does not fit int64"),
        ({"keep": [1, 0, 1]}, "column keep is of type int64; it must be bool"),
        ({"keep": [True, None, True]}, "column keep, row 2: None: keep is true or false"),
        ({"fake_score": ["a", "b", "c"]}, "column fake_score is of type string; it must be float"),
        ({"fake_score": [0.5, 1.5, 0.0]}, "column fake_score, row 2: 1.5: a fake_score lies in"),
        ({"fake_score": [0.5, -0.5, 0.0]}, "column fake_score, row 2: -0.5: a fake_score lies in"),
        ({"fake_score": [0.5, 0.5, float("nan")]}, "column fake_score, row 3: nan: a fake_score lies in"),
        ({"note": [[1], [2], [3]]}, "column note is of type list"),
    ],
)
def test_a_bad_edge_table_is_refused_by_column_row_and_value(columns: dict[str, object], message: str) -> None:
    with pytest.raises(AdapterError, match=f"^{message}") as caught:
        read_pairs(samples.edges(**columns))
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"rank": [1, 0, 2]}, "column rank, row 2: 0: a rank is a whole number from 1"),
        ({"rank": [1, None, 2]}, "column rank, row 2: None: a rank"),
        ({"rank": [1.0, 2.0, 3.0]}, "column rank is of type double; it must be an integer"),
        ({"score": [1.0, float("inf"), 2.0]}, "column score, row 2: inf: a score is a finite number"),
        ({"score": [1.0, None, 2.0]}, "column score, row 2: None: a score is a finite number"),
        ({"item_id": ["a", None, "b"]}, "column item_id, row 2: None: an id must not be null"),
    ],
)
def test_a_bad_recommendation_table_is_refused(columns: dict[str, object], message: str) -> None:
    with pytest.raises(AdapterError, match=f"^{message}"):
        read_pairs(samples.recommendations(**columns))


def test_missing_doubled_and_unknown_columns_are_named() -> None:
    with pytest.raises(AdapterError, match="missing: fake_score, keep"):
        read_pairs(pa.table({"src": ["a"], "dst": ["b"]}))
    with pytest.raises(AdapterError, match="the table has the columns x; an adapter takes edges"):
        read_pairs(pa.table({"x": [1]}))
    with pytest.raises(AdapterError, match="more than one column named keep"):
        read_pairs(samples.edges().append_column("keep", [[True, True, True]]))
    with pytest.raises(AdapterError, match=r"takes a pyarrow\.Table, not dict"):
        read_pairs({"src": ["a"]})
