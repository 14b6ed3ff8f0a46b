"""GEXF, Gephi's own format, written by NetworkX."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from recdiff_adapters.error import AdapterError
from recdiff_adapters.library import load_library
from recdiff_adapters.networkx import read_edges, to_networkx
from recdiff_adapters.output import FilePath, whole_file
from recdiff_adapters.proof import xml_of
from recdiff_adapters.table import EDGES, Pairs
from recdiff_adapters.text import NOT_XML, refuse_text

# Names of an edge's own fields in GEXF: NetworkX would write such a column there, not as an attribute.
_TAKEN = ("id", "label", "weight", "type", "start", "end", "spells", "viz", "source", "target")


def to_gexf(table: pa.Table, path: FilePath, *, directed: bool | None = None, force: bool = False) -> Path:
    """Write the graph of ``to_networkx`` as GEXF and return the path.

    A node's id and label are the user's id; ids have no types in GEXF (``read_gexf(path, node_type=int)``).
    Raises AdapterError as ``to_networkx``, and for characters that XML cannot hold.
    """
    networkx = load_library("networkx", "networkx")
    pairs = read_edges(table, "GEXF file")
    _refuse_taken(pairs)
    refuse_text(pairs, NOT_XML, "XML has no such character")
    graph = to_networkx(table, directed=directed)
    with whole_file(path, xml_of(EDGES), force=force) as temporary:
        networkx.write_gexf(graph, temporary)
    return Path(path)


def _refuse_taken(pairs: Pairs) -> None:
    for name in pairs.value_names:
        if name in _TAKEN:
            raise AdapterError(f"the column {name} would be read as GEXF's own {name}: rename it")
