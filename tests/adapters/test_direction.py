"""One rule: a table says whether its edges have a direction, and every format hands that on in its own way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet
from scipy import sparse

from recdiff.cleaning import folder as cleaned
from recdiff.estimator import RecDiff
from recdiff_adapters import (
    AdapterError,
    OptionError,
    to_igraph,
    to_networkx,
    to_npz,
    to_parquet,
    to_pyg,
    to_qrec,
    to_recbole,
    to_selfrec,
)
from recdiff_adapters.table import DIRECTED
from tests.adapters import adapter_samples as samples

# a-b is listed both ways round, b-c one way.
LISTED = [("a", "b"), ("b", "a"), ("b", "c")]
BOTH = [*LISTED, ("c", "b")]
TABLE = pa.table(
    {"src": ["a", "b", "b"], "dst": ["b", "a", "c"], "fake_score": [0.25, 0.25, 0.5], "keep": [True, True, True]}
)
UNDIRECTED = TABLE.replace_schema_metadata({DIRECTED: b"false"})
PyG = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def test_the_sdk_and_the_adapters_use_one_key() -> None:
    assert cleaned.DIRECTED == DIRECTED


def test_cleaned_edges_say_whether_they_have_a_direction(fitted: RecDiff, tmp_path: Path) -> None:
    kept, gone, summary = fitted.clean_edges(0.3)
    cleaned.write_cleaned(tmp_path / "cleaned-edges", kept, gone, summary)
    for name in ("kept.parquet", "removed.parquet"):
        assert parquet.read_schema(tmp_path / "cleaned-edges" / name).metadata[DIRECTED] == b"false"
    handed = to_parquet(kept, tmp_path / "handed.parquet")
    assert parquet.read_schema(handed).metadata[DIRECTED] == b"false"
    assert not to_networkx(parquet.read_table(handed)).is_directed()


def lines(path: Path) -> list[tuple[str, str]]:
    return [(line.split()[0], line.split()[1]) for line in path.read_text().splitlines() if ":token" not in line]


@pytest.mark.parametrize("write", [to_recbole, to_selfrec, to_qrec])
def test_libraries_that_know_arcs_only_are_given_both(tmp_path: Path, write: Callable[..., Path]) -> None:
    assert lines(write(TABLE, tmp_path / "one")) == LISTED
    assert lines(write(UNDIRECTED, tmp_path / "two")) == BOTH
    assert lines(write(UNDIRECTED, tmp_path / "three", directed=True)) == LISTED
    assert lines(write(TABLE, tmp_path / "four", directed=False)) == BOTH
    with pytest.raises(AdapterError, match="column fake_score, row 3"):
        write(TABLE.set_column(2, "fake_score", [[0.25, 0.25, None]]), tmp_path / "x", weight="trust", directed=False)


def test_a_matrix_is_symmetric(tmp_path: Path) -> None:
    matrix = sparse.load_npz(to_npz(UNDIRECTED, tmp_path / "a", weight="fake_score") / "matrix.npz")
    np.testing.assert_array_equal(matrix.toarray(), [[0, 0.25, 0], [0.25, 0, 0.5], [0, 0.5, 0]])


@PyG
def test_pyg_says_itself_that_the_graph_is_undirected() -> None:
    pytest.importorskip("torch_geometric.data")
    data = to_pyg(UNDIRECTED.append_column("degree_src", [[1, 2, 2]]))
    assert data.is_undirected()
    store = data["user", "social", "user"]
    assert store.edge_index.tolist() == [[0, 1, 1, 2], [1, 0, 2, 1]]
    assert store.edge_attr[:, 0].tolist() == [0.25, 0.25, 0.5, 0.5]
    assert store.edge_attr_names == ["fake_score"]
    one_way = to_pyg(TABLE)
    assert not one_way.is_undirected()


@PyG
def test_pyg_of_a_fitted_undirected_model_is_undirected(fitted: RecDiff) -> None:
    pytest.importorskip("torch_geometric.data")
    kept, _, _ = fitted.clean_edges(0.3)
    users, items = fitted.fitted_.users.values, fitted.fitted_.items.values
    data = to_pyg(kept, users=users, items=items)
    assert to_pyg(kept).validate()
    assert data.is_undirected()
    assert data["user"].raw_id.tolist() == users.to_pylist()
    assert data["item"].raw_id.tolist() == items.to_pylist()
    src, dst = data["user", "social", "user"].edge_index[:, : kept.num_rows].tolist()
    assert src == fitted.fitted_.users.index(kept["src"]).tolist()
    assert dst == fitted.fitted_.users.index(kept["dst"]).tolist()
    chosen = to_pyg(fitted.recommend(k=2), users=users, items=items)["user", "recommended", "item"].edge_index
    assert chosen[0, :4].tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize("build", [to_networkx, to_igraph])
def test_graphs_hold_an_undirected_edge_once(build: Callable[..., Any]) -> None:
    pytest.importorskip(build.__name__.removeprefix("to_"))
    graph = build(UNDIRECTED)
    assert not graph.is_directed()
    ends = graph.get_edgelist() if build is to_igraph else list(graph.edges)
    assert len(ends) == 2
    assert build(TABLE).is_directed()


@PyG
def test_positions_that_are_given_hold_for_every_id(tmp_path: Path) -> None:
    npz = to_npz(TABLE, tmp_path / "a", users=["z", "c", "b", "a"])
    assert parquet.read_table(npz / "users.parquet")["id"].to_pylist() == ["z", "c", "b", "a"]
    assert sparse.load_npz(npz / "matrix.npz").nonzero()[0].tolist() == [2, 2, 3]
    with pytest.raises(AdapterError, match="column dst, row 3: 'c': is not among the ids"):
        to_npz(TABLE, tmp_path / "b", users=["a", "b"])
    with pytest.raises(AdapterError, match="column src is of type string and the ids that were given of type int64"):
        to_npz(TABLE, tmp_path / "b", users=[1, 2])


def test_recommendations_go_one_way(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="recommendations go from a user to an item"):
        to_recbole(samples.recommendations(), tmp_path / "x", directed=False)
