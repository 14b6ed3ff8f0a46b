"""Graphs of NetworkX, igraph and PyTorch Geometric as the frames of ties and interactions that they hold.

No library is imported: whoever has such a graph has its library. Letters: E edges, V nodes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from recdiff.arrays import Int64
from recdiff.data.columns import SOCIAL
from recdiff.data.problems import shorten
from recdiff.errors import UsageError

Columns = dict[str, Any]

ACCEPTED = "a NetworkX or igraph graph, or a PyTorch Geometric Data or HeteroData"
NAMES = ("raw_id", "n_id")
"""What PyTorch Geometric data call the ids of their nodes: as ``to_pyg`` does, as its own loaders do."""
VERTICES = ("id", "_nx_name", "name")
"""What igraph graphs call them: as ``to_igraph`` does, as ``Graph.from_networkx`` does, as igraph itself does."""


def graph_frames(graph: Any, times: str | None = None) -> tuple[Columns, Columns | None, bool | None]:
    """Return the columns of the ties in ``graph`` (E,), those of its interactions, and whether ties have a direction.

    Args:
        graph: see ``ACCEPTED``.
        times: the edge attribute that says when a tie came about, where it has a name of its own.

    Returns:
        src, dst and what is known of times; user_id and item_id of a HeteroData with one relation from users to other
        nodes, else None; None where the graph does not say whether ties have a direction.

    Raises:
        UsageError: it is none of these, or it does not say which of its edges are ties.
    """
    library, wanted = _library(graph), {*SOCIAL.spellings("tied_at"), *([times] if times else [])}
    if library == "networkx" and hasattr(graph, "adj"):
        return *_networkx(graph, wanted), bool(graph.is_directed())
    if library == "igraph" and hasattr(graph, "vs"):
        return *_igraph(graph, wanted), bool(graph.is_directed())
    if library == "torch_geometric" and hasattr(graph, "edge_types"):
        return *_hetero(graph, wanted), None
    if library == "torch_geometric" and hasattr(graph, "edge_index"):
        return *_data(graph, wanted), None
    raise UsageError(
        f"{shorten(graph)} is no graph of a library known here; accepted: {ACCEPTED}. "
        "Of other graphs hand the ends of the edges to SocialDataset.from_frames, as a dict of the columns src and dst"
    )


def _library(graph: Any) -> str | None:
    """Return the first of the known libraries that the type of ``graph`` descends from."""
    homes = [kind.__module__.partition(".")[0] for kind in type(graph).__mro__]
    return next((home for home in homes if home in ("networkx", "igraph", "torch_geometric")), None)


def _networkx(graph: Any, wanted: set[str]) -> tuple[Columns, None]:
    edges = list(graph.edges(data=True))
    columns: Columns = {"src": [src for src, _, _ in edges], "dst": [dst for _, dst, _ in edges]}
    names = {name for _, _, said in edges for name in said} & wanted
    return columns | {name: [said.get(name) for _, _, said in edges] for name in sorted(names)}, None


def _igraph(graph: Any, wanted: set[str]) -> tuple[Columns, None]:
    ends = np.array(graph.get_edgelist(), np.int64).reshape(-1, 2)
    named = next((name for name in VERTICES if name in graph.vs.attributes()), None)
    ids = None if named is None else graph.vs[named]
    columns = {"src": _called(ends[:, 0], ids), "dst": _called(ends[:, 1], ids)}
    return columns | {name: graph.es[name] for name in sorted(wanted & set(graph.es.attributes()))}, None


def _data(graph: Any, wanted: set[str]) -> tuple[Columns, None]:
    ids = _ids(graph)
    return _relation(graph, ("src", "dst"), (ids, ids), wanted), None


def _hetero(graph: Any, wanted: set[str]) -> tuple[Columns, Columns | None]:
    ties = _the(graph, "ties between nodes of one type", lambda src, dst: src == dst)
    if ties is None:
        raise UsageError(f"the graph has no ties between nodes of one type; its edges are {_listed(graph.edge_types)}")
    user = ties[0]
    ids = _ids(graph[user])
    social = _relation(graph[ties], ("src", "dst"), (ids, ids), wanted)
    used = _the(graph, f"interactions of {user}", lambda src, dst: src == user != dst)
    if used is None:
        return social, None
    return social, _relation(graph[used], ("user_id", "item_id"), (ids, _ids(graph[used[2]])), set())


def _the(graph: Any, what: str, fits: Callable[[str, str], bool]) -> tuple[str, str, str] | None:
    """Return the type of the edges that are ``what``, None without any.

    Raises:
        UsageError: there are several.
    """
    found = [kind for kind in graph.edge_types if fits(kind[0], kind[2])]
    if len(found) > 1:
        raise UsageError(
            f"several edge types of the graph are {what}: {_listed(found)}; hand over those that count, "
            "graph.edge_type_subgraph([...])"
        )
    return tuple(found[0]) if found else None


def _listed(kinds: Iterable[tuple[str, ...]]) -> str:
    return ", ".join(" ".join(kind) for kind in kinds)


def _relation(store: Any, names: tuple[str, str], ids: tuple[Any, Any], wanted: set[str]) -> Columns:
    """Return the two ends of a relation's edges, and the attributes ``wanted``, one a row."""
    if store.edge_index is None:
        raise UsageError("the graph has no edge_index; its edges must be there as edge_index (2, E)")
    ends = store.edge_index.detach().cpu().numpy()
    columns: Columns = {name: _called(ends[side], ids[side]) for side, name in enumerate(names)}
    held: Mapping[str, Any] = store.to_dict()
    return columns | {name: _plain(held[name]) for name in sorted(wanted & set(held))}


def _ids(nodes: Any) -> Any:
    """Return what the nodes are called, (V,); None where they have no name but their position."""
    held = nodes.to_dict()
    name = next((name for name in NAMES if held.get(name) is not None), None)
    return None if name is None else _plain(held[name])


def _plain(values: Any) -> Any:
    return values.detach().cpu().numpy() if hasattr(values, "detach") else values


def _called(positions: Int64, ids: Any) -> Any:
    """Return the ids at ``positions``, as they are; the positions themselves without ids.

    Raises:
        UsageError: there are fewer ids than nodes.
    """
    if ids is None:
        return positions
    if len(positions) and positions.max() >= len(ids):
        raise UsageError(f"an edge names node {positions.max()}, and there are ids of {len(ids)} nodes")
    if isinstance(ids, np.ndarray):
        return ids[positions]
    return [ids[position] for position in positions.tolist()]
