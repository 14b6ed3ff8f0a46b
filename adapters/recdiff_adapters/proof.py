"""Whether a file that is there already is one of ours: told by the names of its columns, or by a mark in it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from recdiff_adapters.error import OptionError
from recdiff_adapters.output import Proof
from recdiff_adapters.table import Pairs, base_columns

MARK = b"recdiff"
"""Key of an Arrow schema's metadata; its value is the kind of table."""
RULE_NAMES = ("entity_type", "entity_id", "score", "labels", "reasons", "expiry")
"""What an object for a rules engine has, in this order."""
_HEAD = 1 << 20


def marked(pairs: Pairs) -> pa.Table:
    """Return the table with our mark, which Parquet and Arrow files keep."""
    return pairs.table.replace_schema_metadata({**(pairs.table.schema.metadata or {}), MARK: pairs.kind.encode()})


def marked_parquet(kind: str) -> Proof:
    """Return a proof for Parquet files of that kind."""
    return lambda path: _is_marked(path, kind, parquet.read_schema)


def marked_arrow(kind: str) -> Proof:
    """Return a proof for Arrow files of that kind."""
    return lambda path: _is_marked(path, kind, lambda file: pa.ipc.open_file(str(file)).schema)


def csv_of(kind: str) -> Proof:
    """Return a proof for CSV files: the header begins with the columns that every table of that kind has."""
    return lambda path: has_base(first_line(path).split(","), kind)


def jsonl_of(kind: str) -> Proof:
    """Return a proof for JSON Lines: as ``csv_of``, of the first object's names."""
    return lambda path: has_base(_names(first_line(path)), kind)


def rules_file(path: Path) -> bool:
    """Tell whether the first object of a file has the names of one for a rules engine."""
    return _names(first_line(path))[: len(RULE_NAMES)] == list(RULE_NAMES)


def xml_of(kind: str) -> Proof:
    """Return a proof for GraphML and GEXF: attributes of our names are declared at the head."""
    names = [f'"{name}"' for name in base_columns(kind)[2:]]
    return lambda path: all(name in _head(path) for name in names)


def has_base(names: Iterable[str], kind: str) -> bool:
    """Tell whether a table's columns begin with those that every table of that kind has."""
    base = base_columns(kind)
    return tuple(names)[: len(base)] == base


def check_table(name: str, columns: list[str], kind: str, *, force: bool) -> None:
    """Raise OptionError where a database has a table ``name`` that is none of ours; ``columns`` are empty for none."""
    if columns and not force and not has_base(columns, kind):
        raise OptionError(
            f"the database has a table {name} that recdiff-sdk did not write, so it is not replaced: name another "
            "with --with name=NAME, or say --force (force=True)"
        )


def first_line(path: Path) -> str:
    """Return the first line of a text file, "" where there is none; no more than a head of it is read."""
    return _head(path).partition("\n")[0]


def _head(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(_HEAD).decode("utf-8", "replace")


def _names(line: str) -> list[str]:
    try:
        row = json.loads(line)
    except ValueError:
        return []
    return list(row) if isinstance(row, dict) else []


def _is_marked(path: Path, kind: str, read: Callable[[Path], pa.Schema]) -> bool:
    try:
        metadata = read(path).metadata or {}
    except (pa.ArrowException, OSError):
        return False
    return bool(metadata.get(MARK) == kind.encode())
