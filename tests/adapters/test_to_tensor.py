"""Graph learning libraries: PyTorch Geometric and DGL."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from recdiff_adapters import AdapterError, MissingLibrary, OptionError, to_dgl, to_pyg
from tests.adapters import adapter_samples as samples

torch = pytest.importorskip("torch")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_pyg_edges() -> None:
    hetero = pytest.importorskip("torch_geometric.data")
    data = to_pyg(samples.edges())
    assert isinstance(data, hetero.HeteroData)
    assert data.validate()
    store = data["user", "social", "user"]
    assert data["user"].num_nodes == 3
    assert data["user"].raw_id.tolist() == ["007", "7", "Zoë"]
    assert store.edge_index.dtype == torch.int64
    assert store.edge_index.tolist() == [[0, 1, 2], [1, 2, 0]]
    assert store.edge_attr_names == ["fake_score", "common_friends"]
    assert store.edge_attr.dtype == torch.float32
    np.testing.assert_array_equal(store.edge_attr.numpy(), [[0.25, 3], [np.nan, 0], [0.875, np.nan]])
    assert store.keep.tolist() == [True, True, False]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_pyg_recommendations_integers_and_empty() -> None:
    pytest.importorskip("torch_geometric.data")
    data = to_pyg(samples.recommendations())
    assert data["item"].raw_id.tolist() == ["7", "lamp"]
    assert data["user", "recommended", "item"].edge_index.tolist() == [[0, 0, 1], [0, 1, 1]]
    assert data["user", "recommended", "item"].edge_attr_names == ["rank", "score"]
    assert to_pyg(samples.integer_edges())["user"].raw_id.tolist() == samples.integer_edges()["src"].to_pylist()
    assert to_pyg(samples.empty_edges())["user", "social", "user"].edge_index.shape == (2, 0)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_pyg_undirected_adds_the_other_direction_where_it_is_missing() -> None:
    pytest.importorskip("torch_geometric.data")
    table = pa.table(
        {
            "src": ["a", "b", "b"],
            "dst": ["b", "a", "c"],
            "fake_score": [0.25, 0.25, 0.5],
            "keep": [True, True, False],
        }
    )
    store = to_pyg(table, directed=False)["user", "social", "user"]
    assert store.edge_index.tolist() == [[0, 1, 1, 2], [1, 0, 2, 1]]
    assert store.edge_attr[:, 0].tolist() == [0.25, 0.25, 0.5, 0.5]
    assert store.keep.tolist() == [True, True, False, False]
    with pytest.raises(OptionError, match="directed=False is for edges"):
        to_pyg(samples.recommendations(), directed=False)


class Recorder:
    """Stands for a DGL graph: keeps what it is given."""

    def __init__(self, arcs: dict[Any, Any], num_nodes_dict: dict[str, int]) -> None:
        self.arcs, self.counts = arcs, num_nodes_dict
        self.edges = {relation: SimpleNamespace(data={}) for _, relation, _ in arcs}


def test_dgl_is_given_positions_counts_and_data(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("dgl")
    module.heterograph = Recorder  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "dgl", module)
    graph, raw_ids, names = to_dgl(samples.edges())
    left, right = graph.arcs["user", "social", "user"]
    assert (left.tolist(), right.tolist()) == ([0, 1, 2], [1, 2, 0])
    assert graph.counts == {"user": 3}
    assert raw_ids == {"user": ["007", "7", "Zoë"]}
    assert names == ["fake_score", "common_friends"]
    assert graph.edges["social"].data["feat"].shape == (3, 2)
    assert graph.edges["social"].data["keep"].tolist() == [True, True, False]
    graph, raw_ids, _ = to_dgl(samples.recommendations())
    assert graph.counts == {"user": 2, "item": 2}
    assert raw_ids["item"] == ["7", "lamp"]


def test_dgl_absent_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dgl", None)
    with pytest.raises(MissingLibrary, match=r"dgl, which is not installed; DGL's releases cannot be imported beside"):
        to_dgl(samples.edges())


def test_dgl_that_cannot_be_imported_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.delitem(sys.modules, "dgl", raising=False)
    (tmp_path / "dgl.py").write_text("raise ImportError('cannot load libgraphbolt')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(
        AdapterError, match=r"dgl is installed but cannot be imported \(cannot load libgraphbolt\); DGL"
    ):
        to_dgl(samples.edges())
