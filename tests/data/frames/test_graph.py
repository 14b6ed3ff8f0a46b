"""Graphs of other libraries become data sets, and cleaned ties become graphs of the same ids again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from recdiff.cleaning.folder import with_direction
from recdiff.data.dataset import SocialDataset
from recdiff.errors import UsageError
from recdiff_adapters import to_igraph, to_networkx, to_pyg

WHOLE = [(7, 12), (12, 30), (30, 7), (30, 12), (41, 7)]
TEXT = [("ann", "007"), ("007", "cy"), ("cy", "ann"), ("cy", "007"), ("7", "ann")]
SCORES = [0.125, 0.5, 0.75, 0.25, 1.0]


def cleaned(dataset: SocialDataset) -> pa.Table:
    """Return the ties as ``clean_edges`` does, with scores in their order."""
    src, dst = (dataset.users.take(side) for side in dataset.edges.T)
    count = len(dataset.edges)
    columns = {"src": src, "dst": dst, "fake_score": pa.array(SCORES[:count], pa.float32()), "keep": [True] * count}
    return with_direction(pa.table(columns), dataset.directed)


def scored(dataset: SocialDataset) -> dict[Any, float]:
    """Return the score of each tie by its ends."""
    rows = cleaned(dataset).to_pylist()
    return {_key(row["src"], row["dst"], dataset.directed): row["fake_score"] for row in rows}


def _key(src: Any, dst: Any, directed: bool) -> Any:
    return (src, dst) if directed else frozenset((src, dst))


@pytest.mark.parametrize("edges", [WHOLE, TEXT])
@pytest.mark.parametrize("directed", [False, True])
def test_networkx_there_and_back(edges: list[Any], directed: bool) -> None:
    networkx = pytest.importorskip("networkx", reason="needs networkx")
    graph = (networkx.DiGraph if directed else networkx.Graph)()
    for moment, edge in enumerate(edges):
        graph.add_edge(*edge, tied_at=moment, colour="red")
    dataset = SocialDataset.from_graph(graph)
    assert dataset.directed is directed
    assert dataset.edge_times is not None
    assert len(dataset.edges) == graph.number_of_edges()
    back = to_networkx(cleaned(dataset))
    assert back.is_directed() is directed
    assert set(back.nodes) == set(graph.nodes)
    found = {_key(src, dst, directed): said["fake_score"] for src, dst, said in back.edges(data=True)}
    assert found == scored(dataset)
    assert set(found) == {_key(*edge, directed) for edge in graph.edges}
    again = SocialDataset.from_graph(back)
    assert again.users == dataset.users
    assert sorted(again.edges.tolist()) == sorted(dataset.edges.tolist())


@pytest.mark.parametrize("edges", [WHOLE, TEXT])
@pytest.mark.parametrize("directed", [False, True])
def test_igraph_there_and_back(edges: list[Any], directed: bool) -> None:
    igraph = pytest.importorskip("igraph", reason="needs igraph")
    ids = sorted({end for edge in edges for end in edge}, key=str)
    named = "name" if isinstance(ids[0], str) else "id"
    places = [(ids.index(src), ids.index(dst)) for src, dst in edges]
    graph = igraph.Graph(len(ids), places, directed=directed, vertex_attrs={named: ids}).simplify()
    dataset = SocialDataset.from_graph(graph)
    assert dataset.directed is directed
    back = to_igraph(cleaned(dataset))
    names = back.vs["id"]
    assert set(names) == set(ids)
    ends = [(names[edge.source], names[edge.target]) for edge in back.es]
    assert {_key(*pair, directed): edge["fake_score"] for pair, edge in zip(ends, back.es, strict=True)} == scored(
        dataset
    )
    assert {_key(*pair, directed) for pair in ends} == {_key(*edge, directed) for edge in edges}
    again = SocialDataset.from_graph(back)
    assert again.users == dataset.users
    assert again.edges.tolist() == dataset.edges.tolist()


def test_igraph_without_names_has_positions_and_times_of_a_name_of_their_own() -> None:
    igraph = pytest.importorskip("igraph", reason="needs igraph")
    graph = igraph.Graph(4, [(0, 1), (1, 3)], edge_attrs={"since": [5.0, 6.0]})
    dataset = SocialDataset.from_graph(graph, mapping={"tied_at": "since"})
    assert dataset.users.values.to_pylist() == [0, 1, 3]
    assert dataset.edge_times.tolist() == [5.0, 6.0]  # type: ignore[union-attr]


@pytest.mark.parametrize("edges", [WHOLE, TEXT])
@pytest.mark.parametrize("mirrored", [False, True])
def test_pyg_there_and_back(edges: list[Any], mirrored: bool) -> None:
    pyg = pytest.importorskip("torch_geometric.data", reason="needs torch_geometric")
    import torch

    ids = sorted({end for edge in edges for end in edge}, key=str)
    places = torch.tensor([[ids.index(src), ids.index(dst)] for src, dst in edges]).T
    if mirrored:
        places = torch.cat([places, places.flip(0)], dim=1)
    named = torch.tensor(ids) if isinstance(ids[0], int) else ids
    dataset = SocialDataset.from_graph(pyg.Data(edge_index=places, num_nodes=len(ids), raw_id=named))
    assert dataset.directed is not mirrored
    back = to_pyg(cleaned(dataset))
    names, ends = back["user"].raw_id, back["user", "social", "user"].edge_index.numpy()
    score = back["user", "social", "user"].edge_attr[:, 0].tolist()
    found = [_key(*names[pair].tolist(), dataset.directed) for pair in ends.T]
    assert dict(zip(found, score, strict=True)) == scored(dataset)
    assert set(found) == {_key(*edge, dataset.directed) for edge in edges}
    again = SocialDataset.from_graph(back)
    assert again.users == dataset.users
    assert again.directed is dataset.directed
    assert sorted(again.edges.tolist()) == sorted(dataset.edges.tolist())


def test_a_heterodata_brings_its_interactions() -> None:
    pyg = pytest.importorskip("torch_geometric.data", reason="needs torch_geometric")
    import torch

    data = pyg.HeteroData()
    data["person"].n_id = torch.tensor([70, 71, 72])
    data["film"].raw_id = ["x", "y"]
    data["person", "knows", "person"].edge_index = torch.tensor([[0, 1], [1, 2]])
    data["person", "saw", "film"].edge_index = torch.tensor([[0, 2], [1, 1]])
    dataset = SocialDataset.from_graph(data)
    assert dataset.users.values.to_pylist() == [70, 71, 72]
    assert dataset.items.values.to_pylist() == ["y"]
    assert int(dataset.train.nnz + dataset.validation.nnz + dataset.test.nnz) == 2
    other = SocialDataset.from_graph(data, {"user_id": [70], "item_id": ["z"]})
    assert other.items.values.to_pylist() == ["z"]
    data["person", "blocks", "person"].edge_index = torch.tensor([[0], [2]])
    with pytest.raises(UsageError, match=r"ties between nodes of one type: person knows person, person blocks person"):
        SocialDataset.from_graph(data)
    part = data.edge_type_subgraph([("person", "knows", "person")])
    assert SocialDataset.from_graph(part).items.values.to_pylist() == []
    with pytest.raises(UsageError, match="no ties between nodes of one type; its edges are person saw film"):
        SocialDataset.from_graph(data.edge_type_subgraph([("person", "saw", "film")]))
    with pytest.raises(UsageError, match="the graph has no edge_index"):
        SocialDataset.from_graph(pyg.Data(num_nodes=3))
    short = pyg.Data(edge_index=torch.tensor([[0, 1], [1, 2]]), num_nodes=3, raw_id=["a", "b"])
    with pytest.raises(UsageError, match="names node 2, and there are ids of 2 nodes"):
        SocialDataset.from_graph(short)


def test_other_things_are_refused_with_a_way_out() -> None:
    for given in (5, {"src": [1]}, np.eye(3), object()):
        with pytest.raises(
            UsageError, match="is no graph of a library known here; accepted: a NetworkX or igraph graph"
        ):
            SocialDataset.from_graph(given)
