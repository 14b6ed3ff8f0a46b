"""When ties came about: read beside them, kept in their order, and refused where they are no times."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from recdiff.data.dataset import SocialDataset
from recdiff.errors import DataError


def read(folder: Path, *rows: str, header: str = "src,dst,timestamp", **options: object) -> SocialDataset:
    (folder / "social.csv").write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return SocialDataset.read(folder, **options)  # type: ignore[arg-type]


def test_each_tie_has_the_time_of_its_first_row(tmp_path: Path) -> None:
    dataset = read(tmp_path, "a,b,10", "c,c,20", "b,c,30", "a,b,40", "b,a,50")
    assert dataset.directed
    assert dataset.edge_times is not None
    assert dataset.edge_times.tolist() == [10, 30, 50]
    undirected = read(tmp_path, "b,a,10", "c,b,20", "a,b,30", "b,c,40")
    assert not undirected.directed
    assert undirected.edge_times is not None
    assert undirected.edge_times.tolist() == [10, 20]


def test_dates_and_other_names_are_understood(tmp_path: Path) -> None:
    dataset = read(tmp_path, "a,b,1970-01-02", "b,c,1970-01-01T00:01:00", header="src,dst,created_at")
    assert dataset.edge_times is not None
    assert dataset.edge_times.tolist() == [86_400, 60]
    mapped = read(tmp_path, "a,b,5", "b,c,6", header="src,dst,when", mapping={"tied_at": "when"})
    assert mapped.edge_times is not None
    assert mapped.edge_times.tolist() == [5, 6]


def test_ties_without_times_have_none_and_other_ties_lose_them(tmp_path: Path) -> None:
    assert read(tmp_path, "a,b", "b,c", header="src,dst").edge_times is None
    assert read(tmp_path, "a,b,1", "b,c,2").replace_edges(np.array([[0, 2]])).edge_times is None


def test_what_is_no_time_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"row 3, column 'timestamp': 'soon' is no time"):
        read(tmp_path, "a,b,1", "b,c,soon")
