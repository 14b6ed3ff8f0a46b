"""The formats by name, for a command line: what can be written to a file, a folder or a server."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import pyarrow as pa

from recdiff_adapters.arrow import to_arrow
from recdiff_adapters.csv import to_csv
from recdiff_adapters.duckdb import to_duckdb
from recdiff_adapters.error import OptionError
from recdiff_adapters.gexf import to_gexf
from recdiff_adapters.graphml import to_graphml
from recdiff_adapters.jsonl import to_jsonl
from recdiff_adapters.neo4j import to_neo4j
from recdiff_adapters.npz import to_npz
from recdiff_adapters.parquet import to_parquet
from recdiff_adapters.postgres import to_postgres
from recdiff_adapters.qrec import to_qrec
from recdiff_adapters.recbole import to_recbole
from recdiff_adapters.rules import to_rules
from recdiff_adapters.selfrec import to_selfrec
from recdiff_adapters.sqlite import to_sqlite
from recdiff_adapters.table import ACCOUNTS, EDGES, GROUPS, RECOMMENDATIONS, read_pairs

Target = Literal["file", "folder", "server"]
# What a command line does not take as --with NAME=VALUE.
_PYTHON_ONLY = frozenset({"force", "users", "items"})


@dataclass(frozen=True)
class Format:
    """One format: ``write(table, out, **options)`` writes it.

    ``extra`` is the extra of recdiff-sdk that it needs, or None; ``suffix`` ends the usual file name ("" for a
    folder or a server); ``target`` says what ``out`` names, a server's being a connection string.
    """

    name: str
    write: Callable[..., Path | None]
    extra: str | None
    description: str
    suffix: str
    target: Target = "file"

    @property
    def options(self) -> tuple[str, ...]:
        """The names of the options that ``write`` takes as text; ``force`` is a flag of its own."""
        return tuple(name for name in self.keywords if name not in _PYTHON_ONLY)

    @property
    def keywords(self) -> tuple[str, ...]:
        """The names of everything that ``write`` takes by name."""
        parameters = inspect.signature(self.write).parameters.values()
        return tuple(parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY)

    def parse(self, texts: Mapping[str, str]) -> dict[str, Any]:
        """Return options given as text, such as ``{"directed": "false"}``, as what ``write`` takes.

        Raises OptionError for a name that this format does not have and for a truth value that is none.
        """
        self.check(texts)
        known = inspect.signature(self.write).parameters
        return {
            name: _truth(name, text) if "bool" in str(known[name].annotation) else text for name, text in texts.items()
        }

    def check(self, names: Iterable[str]) -> None:
        """Raise OptionError for the first name that is no option of this format."""
        unknown = sorted(set(names) - set(self.options))
        if unknown:
            accepted = ", ".join(self.options) or "none"
            raise OptionError(f"format {self.name} has no option {unknown[0]}; its options: {accepted}")


def _truth(name: str, text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise OptionError(f"option {name}: {text!r} is neither true nor false")
    return text.lower() == "true"


_TABLES = (
    Format("arrow", to_arrow, None, "Arrow IPC file (Feather 2)", ".arrow"),
    Format("csv", to_csv, None, "CSV with a header, strings in quotes", ".csv"),
    Format("duckdb", to_duckdb, "duckdb", "table in a DuckDB file", ".duckdb"),
    Format("jsonl", to_jsonl, None, "JSON Lines, one object per row", ".jsonl"),
    Format(
        name="neo4j",
        write=to_neo4j,
        extra=None,
        description="CSV files for neo4j-admin database import",
        suffix="",
        target="folder",
    ),
    Format(
        name="npz",
        write=to_npz,
        extra=None,
        description="SciPy sparse matrix and the ids of its rows",
        suffix="",
        target="folder",
    ),
    Format("parquet", to_parquet, None, "Parquet, the table as it is", ".parquet"),
    Format(
        name="postgres",
        write=to_postgres,
        extra="postgres",
        description="table in a PostgreSQL database, by COPY",
        suffix="",
        target="server",
    ),
    Format("qrec", to_qrec, None, "QRec text file, kept edges", ".txt"),
    Format(
        name="recbole",
        write=to_recbole,
        extra=None,
        description="RecBole atomic file, kept edges (.net) or items (.inter)",
        suffix="",
        target="folder",
    ),
    Format("selfrec", to_selfrec, None, "SELFRec text file, kept edges", ".txt"),
    Format("sqlite", to_sqlite, None, "table in a SQLite file", ".sqlite"),
)
_GRAPHS = (
    Format("gexf", to_gexf, "networkx", "GEXF graph for Gephi", ".gexf"),
    Format("graphml", to_graphml, "networkx", "GraphML graph for NetworkX, igraph, Gephi, yEd", ".graphml"),
)
# Objects live in a process; what a command can write instead.
_IN_MEMORY = {
    "dgl": "npz", "igraph": "graphml", "networkx": "graphml", "pandas": "parquet", "polars": "parquet", "pyg": "npz",
}  # fmt: skip


def _by_name(*formats: Format) -> Mapping[str, Format]:
    return MappingProxyType({entry.name: entry for entry in sorted(formats, key=lambda entry: entry.name)})


_RULES = Format("rules", to_rules, None, "JSON Lines for rules engines and review queues", ".jsonl")
_WHOLE_ROWS = ("arrow", "csv", "duckdb", "jsonl", "parquet", "postgres", "sqlite")
"""Formats that hold any table: a row about one account has no two ends."""
EDGE_FORMATS: Mapping[str, Format] = _by_name(*_TABLES, *_GRAPHS)
RECOMMENDATION_FORMATS: Mapping[str, Format] = _by_name(*_TABLES)
ACCOUNT_FORMATS: Mapping[str, Format] = _by_name(*(entry for entry in _TABLES if entry.name in _WHOLE_ROWS), _RULES)
_OF_KIND = {
    EDGES: EDGE_FORMATS,
    RECOMMENDATIONS: RECOMMENDATION_FORMATS,
    ACCOUNTS: ACCOUNT_FORMATS,
    GROUPS: ACCOUNT_FORMATS,
}


def write(name: str, table: pa.Table, out: Any, /, **options: Any) -> Path | None:
    """Write a table of edges, recommendations, accounts or groups in the format of that name; return the path if any.

    Raises OptionError for a format or an option that does not exist, and what the format's own function raises.
    """
    chosen = find_format(name, _OF_KIND[read_pairs(table).kind])
    chosen.check(set(options) - (set(chosen.keywords) & _PYTHON_ONLY))
    return chosen.write(table, out, **options)


def find_format(name: str, formats: Mapping[str, Format]) -> Format:
    """Return the format of that name. Raises OptionError with a suggestion, or with what to use instead."""
    if name in formats:
        return formats[name]
    if name in _IN_MEMORY:
        raise OptionError(
            f"{name} is an object in memory, not a file: in Python call recdiff_adapters.to_{name}(table); "
            f"on disk use the format {_IN_MEMORY[name]}"
        )
    if name in EDGE_FORMATS or name in ACCOUNT_FORMATS:
        others = "edges" if name in EDGE_FORMATS else "accounts and groups"
        ours = "accounts and groups" if formats is ACCOUNT_FORMATS else "edges and recommendations"
        ours = "recommendations" if formats is RECOMMENDATION_FORMATS else ours
        raise OptionError(f"format {name} is for {others}, not for {ours}; these have: {', '.join(formats)}")
    near = get_close_matches(name, formats, 1)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise OptionError(f"format {name!r} is not known{hint} (one of {', '.join(formats)})")
