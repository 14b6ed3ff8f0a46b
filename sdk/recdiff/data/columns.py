"""Which column of a file is which: canonical names, the other spellings understood, and ``--map``."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from recdiff.data.ids import is_text
from recdiff.data.problems import Problem, did_you_mean, shorten
from recdiff.errors import DataError, UsageError
from recdiff.machine.memory import bytes_within
from recdiff.storage.whole import replaced_file

_NEO4J_TYPE = re.compile(r"^:(START_ID|END_ID)(\(\w*\))?$")
_RECBOLE_TYPE = re.compile(r":(token|float|token_seq|float_seq)$")


@dataclass(frozen=True)
class Schema:
    """The columns one kind of table has.

    Attributes:
        table: its name, which is also the file's stem.
        required: canonical names that must be there.
        optional: canonical names that may be there.
        aliases: other spellings understood, per canonical name.
    """

    table: str
    required: tuple[str, ...]
    optional: tuple[str, ...]
    aliases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def spellings(self, name: str) -> tuple[str, ...]:
        """Return every accepted spelling of column ``name``, the canonical one first."""
        return (name, *self.aliases.get(name, ()))


INTERACTIONS = Schema(
    "interactions",
    required=("user_id", "item_id"),
    optional=("rating", "timestamp", "split"),
    aliases={
        "user_id": ("user", "userid", "uid", "customer_id", "account_id"),
        "item_id": ("item", "itemid", "iid", "product_id", "business_id", "movie_id", "artist_id", "artistid"),
        "rating": ("ratings", "score", "stars"),
        "timestamp": ("time", "date", "datetime", "created_at"),
    },
)
SOCIAL = Schema(
    "social",
    required=("src", "dst"),
    optional=("weight", "tied_at"),
    aliases={
        "src": (
            "source", "source_id", "from", "from_id", "user1", "user_1", "user_id_1", "follower", "follower_id",
            "truster", "trustor", "user_id", "user", "userid", "start_id", "fromnodeid",
        ),
        "dst": (
            "destination", "target", "target_id", "to", "to_id", "user2", "user_2", "user_id_2", "followee",
            "followee_id", "trustee", "friend_id", "friend", "friendid", "end_id", "tonodeid",
        ),
        "weight": ("score", "trust", "strength"),
        "tied_at": ("timestamp", "time", "date", "datetime", "created_at"),
    },
)  # fmt: skip
KNOWN = frozenset(name for schema in (INTERACTIONS, SOCIAL) for name in schema.required + schema.optional)

IDS = frozenset({"user_id", "item_id", "src", "dst"})
NUMBERS = frozenset({"rating", "weight"})
SAVED = "recdiff.toml"
"""The file of a data folder that says what its columns are called."""
WRITTEN = "# Written by recdiff-sdk --save-map; remove this line to keep changes made by hand.\n"
MOST_SAVED = 1 << 16


def check_mapping(mapping: Mapping[str, str] | None) -> dict[str, str]:
    """Return ``mapping`` (canonical name -> name in the file) as a dict.

    Raises:
        UsageError: a key is no canonical column name.
    """
    for name in mapping or {}:
        if name not in KNOWN:
            raise UsageError(
                f"--map {name}=...: {name!r} is no column of ours{did_you_mean(name, KNOWN)}; "
                f"accepted: {', '.join(sorted(KNOWN))}"
            )
    return dict(mapping or {})


def saved_map(folder: Path) -> dict[str, str]:
    """Return what the table ``[map]`` in the folder's recdiff.toml says: canonical name -> name in the file.

    Raises:
        DataError: the file cannot be read, or one of its keys or values means nothing here.
    """
    file = folder / SAVED
    if not file.is_file():
        return {}
    try:
        found = tomllib.loads(bytes_within(file, MOST_SAVED).decode("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{file}: cannot be read: {error}; see docs/data-format.md, Columns") from None
    for key in found:
        if key != "map" or not isinstance(found[key], dict):
            raise DataError(f"{file}, {key}: means nothing here{did_you_mean(key, ['map'])}; accepted: the table [map]")
    for name, column in found.get("map", {}).items():
        if name not in KNOWN:
            raise DataError(
                f"{file}, map.{name}: is no column of ours{did_you_mean(name, KNOWN)}; "
                f"accepted: {', '.join(sorted(KNOWN))}"
            )
        if not isinstance(column, str) or not column:
            raise DataError(
                f'{file}, map.{name}: {shorten(column)} is no name; write the column\'s name as text: {name} = "name"'
            )
    return dict(found.get("map", {}))


def map_beside(table: Path) -> dict[str, str]:
    """Return what the recdiff.toml of a data folder says of its social ``table``; nothing of any other file.

    Raises:
        DataError: as ``saved_map``.
    """
    return saved_map(table.parent) if table.name.lower().startswith(f"{SOCIAL.table}.") else {}


def save_map(folder: Path, mapping: Mapping[str, str]) -> Path:
    """Add ``mapping`` to the folder's recdiff.toml, where ``saved_map`` finds it; return the file.

    Raises:
        DataError: the file that is there cannot be read.
        UsageError: it was not written by this function, ``folder`` is none, or ``mapping`` names an unknown column.
        WriteError: it cannot be written.
    """
    names, file = saved_map(folder) | check_mapping(mapping), folder / SAVED
    if not folder.is_dir():
        raise UsageError(f"{folder}: names of columns are saved in a data folder, and this is none")
    if file.exists() and not file.read_bytes().startswith(WRITTEN.encode()):
        raise UsageError(f"{file} was written by hand, so it is not replaced; put the names into it yourself")
    lines = [f"{name} = {json.dumps(column, ensure_ascii=False)}\n" for name, column in sorted(names.items())]
    with replaced_file(file) as new:
        new.write_text("".join([WRITTEN, "[map]\n", *lines]), encoding="utf-8")
    return file


def resolve(header: Sequence[str], schema: Schema, mapping: Mapping[str, str]) -> tuple[dict[str, str], list[Problem]]:
    """Find the columns of ``schema`` in ``header``: canonical name -> name in the file, and what is wrong."""
    names: dict[str, str] = {}
    problems: list[Problem] = []
    for name in schema.required + schema.optional:
        found = _mapped(header, name, mapping[name]) if name in mapping else _recognised(header, name, schema)
        if isinstance(found, Problem):
            problems.append(found)
        elif found is not None:
            names[name] = found
        elif name in schema.required:
            problems.append(_missing(header, name, schema))
    problems += [
        Problem(f"appears {header.count(column)} times in the header; it must appear once", column=column)
        for column in dict.fromkeys(names.values())
        if header.count(column) > 1
    ]
    return names, problems + _shared(names)


def headless(header: Sequence[str], schema: Schema, mapping: Mapping[str, str]) -> bool | Problem:
    """Say whether ``mapping`` counts columns from 0, and the first line is therefore a row.

    A line that has a name of a column in it, or the positions themselves, is a header all the same. Numbers that are
    names in a line of nothing but numbers leave a doubt.
    """
    wanted = [mapping[name] for name in schema.required if name in mapping]
    if len(wanted) < len(schema.required) or not all(re.fullmatch(r"[0-9]{1,4}", each) for each in wanted):
        return False
    known = {spelling for name in schema.required for spelling in schema.spellings(name)}
    if known & set(map(plain_name, header)) or list(header) == [str(place) for place in range(len(header))]:
        return False
    if all(each in header for each in wanted) and max(map(int, wanted)) >= len(header):
        maps = " ".join(f"--map {name}={place}" for place, name in enumerate(schema.required))
        return Problem(f"the header {_listed(header)} looks like a row; columns are counted from 0, as in {maps}")
    return True


def names_columns(header: Sequence[str]) -> bool:
    """Say whether one of ``header`` is the name of a column of ours, in whatever spelling."""
    known = {spelling for schema in (INTERACTIONS, SOCIAL) for name in KNOWN for spelling in schema.spellings(name)}
    return not known.isdisjoint(map(plain_name, header))


def unused(header: Sequence[str], names: Mapping[str, str]) -> tuple[str, ...]:
    """Return the columns of ``header`` that stand for none of ``names``."""
    taken = set(names.values())
    return tuple(column for column in header if column not in taken)


def wrong_types(schema: pa.Schema, names: Mapping[str, str]) -> list[Problem]:
    """Return a problem for each column of ``names`` (canonical -> in the file) whose type cannot be used."""
    problems = []
    for name, column in names.items():
        kind = schema.field(column).type
        kind = kind.value_type if pa.types.is_dictionary(kind) else kind
        accepted = _accepted_type(name, kind)
        if accepted is not None:
            cast = "" if pa.types.is_nested(kind) else f"; cast it to {_cast_for(name, kind)}"
            problems.append(Problem(f"has type {kind}; accepted: {accepted}{cast}", column=column))
    return problems


def _accepted_type(name: str, kind: pa.DataType) -> str | None:
    """Return what is accepted for column ``name`` where ``kind`` is not, else None."""
    number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    if name in IDS:
        return None if pa.types.is_integer(kind) or is_text(kind) else "whole numbers or text"
    if name in NUMBERS:
        return None if number else "numbers"
    if name == "split":
        return None if is_text(kind) else "text"
    moment = pa.types.is_timestamp(kind) or pa.types.is_date(kind)
    return None if number or moment or is_text(kind) else "numbers, dates, or text of either"


def _cast_for(name: str, kind: pa.DataType) -> pa.DataType:
    """Return the type to cast ``kind``, which is not accepted for column ``name``, to."""
    if name not in IDS:
        return pa.string() if name == "split" else pa.float64()
    whole = pa.types.is_floating(kind) or pa.types.is_decimal(kind) or pa.types.is_boolean(kind)
    return pa.int64() if whole else pa.string()


def plain_name(column: str) -> str:
    """Return ``column`` in lower case with ``_`` between words and without a RecBole or Neo4j type or a # before it."""
    name = _NEO4J_TYPE.sub(r"\1", _RECBOLE_TYPE.sub("", column).strip().removeprefix("#").strip())
    return re.sub(r"[\s-]+", "_", name.lower())


def _mapped(header: Sequence[str], name: str, wanted: str) -> str | Problem:
    if wanted in header:
        return wanted
    return Problem(
        f"column {wanted!r}, mapped to {name}, is missing{did_you_mean(wanted, header)}; "
        f"the header has {_listed(header)}"
    )


def _recognised(header: Sequence[str], name: str, schema: Schema) -> str | Problem | None:
    by_plain: dict[str, str] = {}
    for column in header:
        by_plain.setdefault(plain_name(column), column)
    if name in by_plain:
        return by_plain[name]
    matches = [by_plain[spelling] for spelling in schema.spellings(name) if spelling in by_plain]
    if len(matches) > 1:
        return Problem(f"columns {_listed(matches)} could each be {name}; choose one with --map {name}={matches[0]}")
    return matches[0] if matches else None


def _missing(header: Sequence[str], name: str, schema: Schema) -> Problem:
    if header and header[0].lstrip().startswith("#"):
        return Problem(
            f"column {name} is missing: the first line, {_listed(header)}, is taken for the header; remove lines of "
            "comment above the one that names the columns"
        )
    return Problem(
        f"column {name} is missing{did_you_mean(name, header)}; the header has {_listed(header)}. "
        f"Rename a column or pass --map {name}=COLUMN; accepted names: {', '.join(schema.spellings(name))}"
    )


def _shared(names: Mapping[str, str]) -> list[Problem]:
    """Report a column that would stand for two canonical names at once."""
    by_column: dict[str, list[str]] = {}
    for name, column in names.items():
        by_column.setdefault(column, []).append(name)
    return [
        Problem(f"stands for {' and '.join(shared)} at once; map them to different columns", column=column)
        for column, shared in by_column.items()
        if len(shared) > 1
    ]


def _listed(header: Sequence[str]) -> str:
    shown = ", ".join(shorten(column) for column in header[:10])
    return f"{shown} and {len(header) - 10} more" if len(header) > 10 else shown
