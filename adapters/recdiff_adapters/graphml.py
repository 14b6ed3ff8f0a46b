"""GraphML, written by NetworkX and read by NetworkX, igraph, Gephi and yEd."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from recdiff_adapters.library import load_library
from recdiff_adapters.networkx import read_edges, to_networkx
from recdiff_adapters.output import FilePath, whole_file
from recdiff_adapters.proof import xml_of
from recdiff_adapters.table import EDGES
from recdiff_adapters.text import NOT_XML, refuse_text


def to_graphml(table: pa.Table, path: FilePath, *, directed: bool | None = None, force: bool = False) -> Path:
    """Write the graph of ``to_networkx`` as GraphML and return the path.

    A node's id is the user's; GraphML has no types for ids, so the reader says whether they are integers
    (``read_graphml(path, node_type=int)``). Raises AdapterError as ``to_networkx``, and for characters that
    XML cannot hold.
    """
    networkx = load_library("networkx", "networkx")
    refuse_text(read_edges(table, "GraphML file"), NOT_XML, "XML has no such character")
    graph = to_networkx(table, directed=directed)
    with whole_file(path, xml_of(EDGES), force=force) as temporary:
        networkx.write_graphml(graph, temporary)
    return Path(path)
