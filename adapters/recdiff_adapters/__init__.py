"""Hand cleaned edges and recommendations to other systems: plain Arrow tables in, their own formats out."""

from recdiff_adapters.arrow import to_arrow
from recdiff_adapters.csv import to_csv
from recdiff_adapters.dgl import to_dgl
from recdiff_adapters.duckdb import to_duckdb
from recdiff_adapters.error import AdapterError, MissingLibrary, OptionError, WriteError
from recdiff_adapters.format import ACCOUNT_FORMATS, EDGE_FORMATS, RECOMMENDATION_FORMATS, Format, find_format, write
from recdiff_adapters.gexf import to_gexf
from recdiff_adapters.graphml import to_graphml
from recdiff_adapters.igraph import to_igraph
from recdiff_adapters.jsonl import to_jsonl
from recdiff_adapters.neo4j import to_neo4j
from recdiff_adapters.networkx import to_networkx
from recdiff_adapters.npz import to_npz
from recdiff_adapters.pandas import to_pandas
from recdiff_adapters.parquet import to_parquet
from recdiff_adapters.polars import to_polars
from recdiff_adapters.postgres import to_postgres
from recdiff_adapters.pyg import to_pyg
from recdiff_adapters.qrec import to_qrec
from recdiff_adapters.recbole import to_recbole
from recdiff_adapters.rules import to_rules
from recdiff_adapters.selfrec import to_selfrec
from recdiff_adapters.sqlite import to_sqlite

__all__ = [  # noqa: RUF022 -- plain order, as in the other packages
    "ACCOUNT_FORMATS",
    "AdapterError",
    "EDGE_FORMATS",
    "Format",
    "MissingLibrary",
    "OptionError",
    "RECOMMENDATION_FORMATS",
    "WriteError",
    "find_format",
    "to_arrow",
    "to_csv",
    "to_dgl",
    "to_duckdb",
    "to_gexf",
    "to_graphml",
    "to_igraph",
    "to_jsonl",
    "to_neo4j",
    "to_networkx",
    "to_npz",
    "to_pandas",
    "to_parquet",
    "to_polars",
    "to_postgres",
    "to_pyg",
    "to_qrec",
    "to_recbole",
    "to_rules",
    "to_selfrec",
    "to_sqlite",
    "write",
]
