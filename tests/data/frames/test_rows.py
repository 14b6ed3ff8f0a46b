"""Frames of every library pass the checks of files, and errors name frame, row, value and remedy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from recdiff.data.columns import SOCIAL
from recdiff.data.dataset import SocialDataset
from recdiff.data.frames.frame import Frame
from recdiff.data.frames.rows import read_frame
from recdiff.errors import DataError, UsageError

SOCIAL_ROWS = {"source": ["b", "007", "b", "c"], "target": ["007", "b", "c", "b"], "tied_at": [1.5, 1.5, 3.0, 3.0]}
EVENTS = {"user": ["b", "007", "c"], "item": [7, 8, 9], "split": ["train", "train", "test"]}
MAKERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "pandas": pd.DataFrame,
    "pandas-arrow": lambda rows: pd.DataFrame(rows).convert_dtypes(dtype_backend="pyarrow"),
    "pandas-categories": lambda rows: pd.DataFrame(rows).astype({next(iter(rows)): "category"}),
    "pandas-index": lambda rows: pd.DataFrame(rows, index=list("wxyz")[: len(next(iter(rows.values())))]),
    "polars": pl.DataFrame,
    "polars-categories": lambda rows: pl.DataFrame(rows).with_columns(pl.col(next(iter(rows))).cast(pl.Categorical)),
    "arrow": pa.table,
    "arrow-batch": pa.RecordBatch.from_pydict,
    "dict": dict,
    "dict-numpy": lambda rows: {name: np.array(values) for name, values in rows.items()},
    "duckdb": lambda rows: duckdb.from_arrow(pa.table(rows)),
}


@pytest.mark.parametrize("maker", MAKERS)
def test_a_frame_of_any_library_is_the_data_of_its_file(maker: str, tmp_path: Path) -> None:
    pd.DataFrame(SOCIAL_ROWS).to_csv(tmp_path / "social.csv", index=False)
    pd.DataFrame(EVENTS).to_csv(tmp_path / "interactions.csv", index=False)
    expected = SocialDataset.read(tmp_path)
    dataset = SocialDataset.from_frames(MAKERS[maker](SOCIAL_ROWS), MAKERS[maker](EVENTS))
    assert dataset.users == expected.users
    assert dataset.items == expected.items
    assert dataset.edges.tolist() == expected.edges.tolist()
    assert (dataset.directed, dataset.mirrored) == (expected.directed, expected.mirrored)
    assert dataset.edge_times is not None
    assert dataset.edge_times.tolist() == [1.5, 3.0]
    for part in ("train", "validation", "test"):
        assert (getattr(dataset, part) != getattr(expected, part)).nnz == 0
    assert dataset.notices == expected.notices


@pytest.mark.parametrize("maker", ["dict", "pandas", "polars"])
def test_numbers_are_not_copied(maker: str) -> None:
    ids = np.arange(10)
    given = {"dict": dict, "pandas": pd.DataFrame, "polars": pl.DataFrame}[maker]({"src": ids})
    held = given["src"]
    column = Frame.of(given, "social").columns(["src"])["src"]
    assert np.shares_memory(column.chunk(0).to_numpy(), held if maker == "dict" else held.to_numpy())


def test_columns_that_are_not_asked_for_are_not_converted() -> None:
    frame = pd.DataFrame({"src": [1, 2], "dst": [2, 3], "odd": [object(), object()]})
    table = read_frame(frame, SOCIAL, {})
    assert table.unused == ("odd",)
    assert SocialDataset.from_frames(frame).notices[1].message == "the social frame: columns not used: 'odd'"


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (
            pd.DataFrame({"src": [1, None, 3], "dst": [2, 3, 4]}),
            r"the social frame, row 1, column 'src': the id is null",
        ),
        (
            pl.DataFrame({"src": ["a", ""], "dst": ["b", "c"]}),
            r"the social frame, row 1, column 'src': the id is empty",
        ),
        (
            pd.DataFrame({"src": [1, 2, "b"], "dst": [2, 3, 4]}, dtype=object),
            r"row 2, column 'src': 'b' is a str, and rows before it hold an int; make the column one kind",
        ),
        ({"src": [1.5], "dst": [1]}, r"column 'src': has type double; accepted: whole numbers or text"),
        ({"src": [1, 2], "dst": [1]}, r"columns differ in length: src 2, dst 1"),
        (
            {"src": ["a"], "dst": [1], "weight": ["much"]},
            r"column 'weight': has type (large_)?string; accepted: numbers",
        ),
        ({"src": ["a"], "dst": ["b"], "tied_at": ["soon"]}, r"row 0, column 'tied_at': 'soon' is no time"),
        ({"from_": ["a"], "dst": ["b"]}, r"the social frame: column src is missing; the header has 'from_', 'dst'"),
        (pl.DataFrame({"src": [], "dst": []}, schema={"src": pl.Int64, "dst": pl.Int64}), r"columns and no rows"),
        ({"src": ["a"], "dst": ["a"]}, r"the social frame: 1 user in all; at least two are needed"),
    ],
)
def test_what_is_wrong_is_named_by_frame_row_value_and_remedy(frame: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        SocialDataset.from_frames(frame)


def test_problems_of_both_frames_come_together() -> None:
    with pytest.raises(DataError) as caught:
        SocialDataset.from_frames({"src": [""], "dst": ["b"]}, {"user_id": ["b", None], "item_id": ["i", "j"]})
    first, second = str(caught.value).splitlines()
    assert first.startswith("the social frame, row 0, column 'src': the id is empty")
    assert second.startswith("the interactions frame, row 1, column 'user_id': the id is null")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (pl.DataFrame({"src": [1]}).lazy(), r"a LazyFrame holds no rows yet; call its collect\(\) first"),
        ("data/", r"the social frame: 'data/' is no table; accepted: a pandas, Polars or Arrow table"),
    ],
)
def test_what_is_no_frame_is_refused(given: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        SocialDataset.from_frames(given)


def test_a_graph_editors_column_says_the_direction() -> None:
    rows = {"source": ["a", "b"], "target": ["b", "c"], "Type": ["Undirected", "Undirected"]}
    assert not SocialDataset.from_frames(pd.DataFrame(rows)).directed
    assert SocialDataset.from_frames(pd.DataFrame({**rows, "Type": ["Undirected", 7]})).directed


def test_other_names_are_mapped_and_options_checked() -> None:
    frame = pd.DataFrame({0: ["a", "b"], 1: ["b", "c"]})
    assert len(SocialDataset.from_frames(frame, mapping={"src": "0", "dst": "1"}).edges) == 2
    with pytest.raises(UsageError, match=r"split='half' is unknown"):
        SocialDataset.from_frames(frame, split="half")  # type: ignore[arg-type]
