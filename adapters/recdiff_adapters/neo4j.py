"""CSV files for ``neo4j-admin database import``: one of nodes for each kind of id, one of relationships."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pyarrow as pa

from recdiff_adapters.csv import csv_blocks
from recdiff_adapters.error import AdapterError
from recdiff_adapters.index import index_pairs
from recdiff_adapters.output import FilePath, whole_folder
from recdiff_adapters.proof import first_line
from recdiff_adapters.table import EDGES, RECOMMENDATIONS, Pairs, read_pairs
from recdiff_adapters.text import EMPTY, LINE_BREAK, NUL, refuse_ids, refuse_text

_RELATION = {EDGES: ("User", "FOLLOWS", "follows.csv"), RECOMMENDATIONS: ("Item", "RECOMMENDED", "recommended.csv")}


def to_neo4j(table: pa.Table, folder: FilePath, *, force: bool = False) -> Path:
    """Write ``users.csv`` and ``follows.csv``, or ``users.csv``, ``items.csv`` and ``recommended.csv``.

    Every edge is written, with ``keep`` and the evidence as properties. Integer ids come back as integers with
    ``--id-type=integer``. Returns the folder. Raises AdapterError for a bad table, for an empty id, and for a
    line break or NUL in a string, which the importer does not read unless told to.
    """
    pairs = read_pairs(table)
    refuse_ids(pairs, EMPTY, "Neo4j's importer takes an empty id for a missing one")
    refuse_text(pairs, LINE_BREAK, "Neo4j's importer reads one line per row")
    refuse_text(pairs, NUL, "Neo4j's importer cannot read a NUL character")
    _refuse_names(pairs)
    other, relation, file = _RELATION[pairs.kind]
    index = index_pairs(pairs)
    nodes = {"User": index.left_ids, other: index.right_ids}
    names = {kind: f"{kind.lower()}s.csv" for kind in nodes}
    headers = {names[kind]: f"{kind.lower()}Id:ID({kind}),:LABEL" for kind in nodes}
    with whole_folder(folder, {file, *headers}, lambda old: _is_ours(old, headers, file), force=force) as temporary:
        for kind, ids in nodes.items():
            rows = pa.table({"id": ids, "label": pa.repeat(kind, len(ids))})
            _write(temporary / names[kind], headers[names[kind]], rows)
        _write(temporary / file, _header(pairs, other), _relationships(pairs, relation))
    return Path(folder)


def _is_ours(folder: Path, headers: Mapping[str, str], file: str) -> bool:
    """Tell whether the files of ``folder`` begin as those written here do."""
    try:
        begun = all(first_line(folder / name) == header for name, header in headers.items())
        return begun and first_line(folder / file).startswith(":START_ID(User),")
    except OSError:
        return False


def _refuse_names(pairs: Pairs) -> None:
    for name in pairs.value_names:
        if not name.isidentifier():
            raise AdapterError(f"the column {name!r} cannot be a property in a Neo4j header: rename it to one word")


def _header(pairs: Pairs, other: str) -> str:
    properties = [f"{name}:{_type(pairs.column(name).type)}" for name in pairs.value_names]
    return ",".join([":START_ID(User)", *properties, f":END_ID({other})", ":TYPE"])


def _relationships(pairs: Pairs, relation: str) -> pa.Table:
    left, right = pairs.id_names
    rows = pairs.table.select([left, *pairs.value_names, right])
    return rows.append_column(":TYPE", [pa.repeat(relation, rows.num_rows)])


def _write(path: Path, header: str, rows: pa.Table) -> None:
    with path.open("wb") as file:
        file.write(f"{header}\n".encode())
        file.writelines(csv_blocks(rows))


def _type(kind: pa.DataType) -> str:
    types: tuple[tuple[Callable[[pa.DataType], bool], str], ...] = (
        (pa.types.is_float32, "float"),
        (pa.types.is_floating, "double"),
        (pa.types.is_integer, "long"),
        (pa.types.is_boolean, "boolean"),
    )
    return next((word for check, word in types if check(kind)), "string")
