"""Graphs read back with NetworkX and igraph: objects, GraphML, GEXF."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given

from recdiff_adapters import AdapterError, to_gexf, to_graphml, to_igraph, to_networkx
from tests.adapters import adapter_samples as samples

networkx = pytest.importorskip("networkx")

FIRST: dict[str, Any] = {"fake_score": 0.25, "keep": True, "common_friends": 3, "note": ""}
SECOND: dict[str, Any] = {"keep": True, "common_friends": 0}
THIRD: dict[str, Any] = {"fake_score": 0.875, "keep": False, "note": "far"}
READERS: dict[Callable[..., Path], Callable[..., Any]] = {
    to_graphml: networkx.read_graphml,
    to_gexf: networkx.read_gexf,
}


def test_a_networkx_graph_holds_every_edge_and_attribute() -> None:
    graph = to_networkx(samples.edges())
    assert isinstance(graph, networkx.DiGraph)
    assert list(graph.edges(data=True)) == [("007", "7", FIRST), ("7", "Zoë", SECOND), ("Zoë", "007", THIRD)]
    assert list(to_networkx(samples.integer_edges()).nodes) == samples.integer_edges()["src"].to_pylist()
    assert len(to_networkx(samples.empty_edges())) == 0


def test_an_undirected_graph_takes_each_edge_once() -> None:
    both = pa.table({"src": ["a", "b"], "dst": ["b", "a"], "fake_score": [0.5, 0.5], "keep": [True, True]})
    assert len(to_networkx(both).edges) == 2
    graph = to_networkx(both, directed=False)
    assert isinstance(graph, networkx.Graph)
    assert not graph.is_directed()
    assert list(graph.edges(data="fake_score")) == [("a", "b", 0.5)]


@pytest.mark.parametrize(("name", "values"), [("fake_score", [0.5, 0.25]), ("keep", [True, False])])
def test_two_directions_that_differ_are_no_undirected_edge(name: str, values: list[Any]) -> None:
    both = {"src": ["a", "b"], "dst": ["b", "a"], "fake_score": [0.5, 0.5], "keep": [True, True], name: values}
    assert len(to_networkx(pa.table(both)).edges) == 2
    with pytest.raises(AdapterError, match="rows 1 and 2 are one undirected edge, but their fake_score or keep"):
        to_networkx(pa.table(both), directed=False)


@pytest.mark.parametrize("build", [to_networkx, to_igraph])
def test_repeats_and_recommendations_are_refused(build: Callable[..., Any]) -> None:
    with pytest.raises(AdapterError, match="rows 1 and 4 are the same pair, '007' and '7'"):
        build(pa.concat_tables([samples.edges(), samples.edges()]))
    with pytest.raises(AdapterError, match=r"is made of edges \(src, dst\), not of recommendations"):
        build(samples.recommendations())


@pytest.mark.parametrize("write", READERS)
def test_a_graph_file_comes_back(tmp_path: Path, write: Callable[..., Path]) -> None:
    graph = READERS[write](write(samples.edges(), tmp_path / "g.xml"))
    assert graph.is_directed()
    read = {(src, dst): data for src, dst, data in graph.edges(data=True)}
    for ends, expected in {("007", "7"): FIRST, ("7", "Zoë"): SECOND, ("Zoë", "007"): THIRD}.items():
        # NetworkX reads an empty text as a missing one.
        known = {name: value for name, value in read[ends].items() if name not in ("id", "note")}
        assert known == {name: value for name, value in expected.items() if name != "note"}
    assert read["Zoë", "007"]["note"] == "far"
    assert list(READERS[write](write(samples.empty_edges(), tmp_path / "g.xml"))) == []


@pytest.mark.parametrize("write", READERS)
def test_a_graph_file_can_be_undirected_and_have_integer_ids(tmp_path: Path, write: Callable[..., Path]) -> None:
    path = write(samples.integer_edges(), tmp_path / "g.xml", directed=False)
    graph = READERS[write](path, node_type=int)
    assert not graph.is_directed()
    assert set(graph) == set(samples.integer_edges()["src"].to_pylist())


@pytest.mark.parametrize("write", READERS)
@samples.quick
@given(ids=samples.id_lists)
def test_any_id_comes_back_or_is_refused(
    tmp_path_factory: pytest.TempPathFactory, write: Callable[..., Path], ids: list[str]
) -> None:
    path = tmp_path_factory.mktemp("graph") / "g.xml"
    table = samples.ring(ids)
    try:
        write(table, path)
    except AdapterError as error:
        assert "XML has no such character" in str(error)  # noqa: PT017
        assert any(ord(letter) < 32 or letter in "\ufffe\uffff" for letter in "".join(ids))
    else:
        graph = READERS[write](path)
        assert set(graph.edges) == set(samples.rows(table, "src", "dst"))


@pytest.mark.parametrize("write", READERS)
def test_a_character_that_xml_lacks_is_refused_in_evidence_too(tmp_path: Path, write: Callable[..., Path]) -> None:
    with pytest.raises(AdapterError, match=r"column note, row 2: 'a\\x00': XML has no such character"):
        write(samples.edges(note=["", "a\0", None]), tmp_path / "g.xml")
    assert list(tmp_path.iterdir()) == []


def test_a_column_with_a_name_that_gexf_uses_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AdapterError, match="the column weight would be read as GEXF's own weight"):
        to_gexf(samples.edges(weight=[1.0, 2.0, 3.0]), tmp_path / "g.gexf")


def test_an_igraph_graph_holds_every_edge_and_attribute() -> None:
    igraph = pytest.importorskip("igraph")
    graph = to_igraph(samples.edges())
    assert isinstance(graph, igraph.Graph)
    assert graph.is_directed()
    assert [(graph.vs[e.source]["id"], graph.vs[e.target]["id"]) for e in graph.es] == samples.rows(
        samples.edges(), "src", "dst"
    )
    for name in ("fake_score", "keep", "common_friends", "note"):
        assert graph.es[name] == samples.edges()[name].to_pylist()
    assert graph.vs.find("7").index == 1
    assert not to_igraph(samples.edges(), directed=False).is_directed()
    assert to_igraph(samples.empty_edges()).vcount() == 0


def test_igraph_finds_integer_ids_by_their_text() -> None:
    pytest.importorskip("igraph")
    graph = to_igraph(samples.integer_edges())
    assert graph.vs["id"] == samples.integer_edges()["src"].to_pylist()
    assert graph.vs.find(str(2**53 + 1))["id"] == 2**53 + 1


def test_igraph_reads_the_graphml_file(tmp_path: Path) -> None:
    igraph = pytest.importorskip("igraph")
    graph = igraph.Graph.Read_GraphML(str(to_graphml(samples.edges(), tmp_path / "g.graphml")))
    ends = [(graph.vs[e.source]["id"], graph.vs[e.target]["id"]) for e in graph.es]
    assert ends == samples.rows(samples.edges(), "src", "dst")
    assert graph.es["keep"] == [True, True, False]
