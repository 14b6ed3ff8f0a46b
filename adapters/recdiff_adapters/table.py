"""The tables that adapters take, checked once.

Edges: ``src``, ``dst`` (int64 or string), ``fake_score`` (float in [0, 1] or null), ``keep`` (bool), and any
evidence columns. Recommendations: ``user_id``, ``item_id``, ``rank`` (integer from 1), ``score`` (float). Accounts:
``user_id`` and ``account_score``; groups: ``group`` (integer from 1) and ``group_score``; scores in [0, 1].
Rows are numbered from 1 in messages.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recdiff_adapters.error import AdapterError, OptionError, shorten

EDGES = "edges"
RECOMMENDATIONS = "recommendations"
ACCOUNTS = "accounts"
GROUPS = "groups"
DIRECTED = b"recdiff_directed"
"""Key of a table's metadata: "true" or "false", whether its edges have a direction. clean-edges writes it."""
_COLUMNS = {
    EDGES: ("src", "dst", "fake_score", "keep"),
    RECOMMENDATIONS: ("user_id", "item_id", "rank", "score"),
    ACCOUNTS: ("user_id", "account_score"),
    GROUPS: ("group", "group_score"),
}
_SINGLE = (ACCOUNTS, GROUPS)
"""Kinds whose rows are about one thing: the first column says which, the second is its score."""


@dataclass(frozen=True)
class Pairs:
    """A checked table whose rows join two ids (``src`` and ``dst``, or ``user_id`` and ``item_id``) or score one.

    ``rows`` are the numbers the rows had in the table that was handed in, when some were left out since.
    """

    kind: str
    table: pa.Table
    rows: np.ndarray | None = None

    @property
    def id_names(self) -> tuple[str, str]:
        """The names of the two id columns."""
        left, right = _COLUMNS[self.kind][:2]
        return left, right

    @property
    def value_names(self) -> list[str]:
        """The names of all other columns, in the table's order."""
        return [name for name in self.table.column_names if name not in self.id_names]

    def column(self, name: str) -> pa.ChunkedArray:
        """One column."""
        return self.table.column(name)

    def row(self, position: int) -> int:
        """Number, from 1, that a row had in the table that was handed in."""
        return int(position if self.rows is None else self.rows[position]) + 1

    def directed(self, given: bool | None) -> bool:
        """Return whether the edges have a direction: as ``given``, else as the table says, else as they are listed.

        Raises OptionError for recommendations that are to have none: they go from a user to an item.
        """
        if self.kind == RECOMMENDATIONS:
            if given is False:
                raise OptionError("directed=False is for edges; recommendations go from a user to an item")
            return True
        return (self.table.schema.metadata or {}).get(DIRECTED) != b"false" if given is None else given

    def kept(self) -> Pairs:
        """Return the edges whose ``keep`` is true, for formats that cannot say so; other tables stay."""
        if self.kind != EDGES:
            return self
        mask = self.column("keep")
        return Pairs(self.kind, self.table.filter(mask), np.flatnonzero(mask.to_numpy()))

    def refuse(self, name: str, wrong: pa.ChunkedArray, reason: str) -> None:
        """Raise AdapterError naming the first row of column ``name`` at which the mask ``wrong`` is true."""
        position = pc.index(pc.fill_null(wrong, False), True).as_py()
        if position >= 0:
            value = self.column(name)[position].as_py()
            raise AdapterError(f"column {name}, row {self.row(position)}: {shorten(value)}: {reason}")


def read_pairs(table: pa.Table) -> Pairs:
    """Check a table of edges, recommendations, accounts or groups; what says ``to_arrow`` is taken as that.

    Raises AdapterError for a missing or twice named column, a column of another type, an id that is null, or a
    value out of range, naming column, row and value.
    """
    if hasattr(table, "to_arrow"):
        table = table.to_arrow()
    if not isinstance(table, pa.Table):
        raise AdapterError(f"an adapter takes a pyarrow.Table, not {type(table).__name__}")
    names = table.column_names
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise AdapterError(f"the table has more than one column named {', '.join(doubled)}")
    pairs = Pairs(_kind(names), _plain(table))
    if pairs.kind in _SINGLE:
        _check_scored(pairs)
        return pairs
    _check_ids(pairs)
    (_check_edges if pairs.kind == EDGES else _check_recommendations)(pairs)
    return pairs


def base_columns(kind: str) -> tuple[str, ...]:
    """Return the columns that every table of that kind has, in the order in which recdiff-sdk writes them."""
    return _COLUMNS[kind]


def _kind(names: list[str]) -> str:
    for kind in _SINGLE:
        if _COLUMNS[kind][1] in names and _COLUMNS[kind][0] in names:
            return kind
    for kind, columns in _COLUMNS.items():
        if kind in _SINGLE:
            continue
        if columns[0] in names or columns[1] in names:
            missing = [column for column in columns if column not in names]
            if missing:
                raise AdapterError(f"a table of {kind} needs the columns {', '.join(columns)}; "
                                   f"missing: {', '.join(missing)}")  # fmt: skip
            return kind
    raise AdapterError(
        f"the table has the columns {', '.join(names) or '(none)'}; an adapter takes edges "
        f"({', '.join(_COLUMNS[EDGES])}), recommendations ({', '.join(_COLUMNS[RECOMMENDATIONS])}), accounts "
        f"({', '.join(_COLUMNS[ACCOUNTS])}) or groups ({', '.join(_COLUMNS[GROUPS])})"
    )


def _plain(table: pa.Table) -> pa.Table:
    """Return the table with dictionaries decoded and every type one of bool, integer, float, string."""
    columns = {name: _plain_column(name, table.column(name)) for name in table.column_names}
    return pa.table(columns).replace_schema_metadata(table.schema.metadata)


def _plain_column(name: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = column.type
    if pa.types.is_dictionary(kind):
        parts = [_viewed(chunk.dictionary).take(chunk.indices) for chunk in column.chunks]
        return _plain_column(name, pa.chunked_array(parts, None if parts else kind.value_type))
    if pa.types.is_integer(kind):
        try:
            return column.cast(pa.int64())
        except pa.ArrowInvalid as error:
            raise AdapterError(f"column {name} has an integer that does not fit int64: {error}") from error
    if pa.types.is_string_view(kind):
        return column.cast(pa.large_string())
    if _is_text(kind) or pa.types.is_boolean(kind) or pa.types.is_floating(kind):
        return column
    raise AdapterError(
        f"column {name} is of type {kind}; an adapter takes bool, integer, float and string columns: cast it first, "
        f"as in table.set_column(i, {name!r}, column.cast('string'))"
    )


def _viewed(values: pa.Array) -> pa.Array:
    """Return ``values``, views of text as text: Arrow takes nothing from the former."""
    return values.cast(pa.large_string()) if pa.types.is_string_view(values.type) else values


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _check_ids(pairs: Pairs) -> None:
    left, right = (pairs.column(name).type for name in pairs.id_names)
    for name, kind in zip(pairs.id_names, (left, right), strict=True):
        if not (_is_text(kind) or pa.types.is_integer(kind)):
            raise AdapterError(f"column {name} is of type {kind}; ids are int64 or string")
        pairs.refuse(name, pc.is_null(pairs.column(name)), "an id must not be null")
    if pairs.kind == EDGES and _is_text(left) != _is_text(right):
        raise AdapterError(f"src is of type {left} and dst of type {right}; both name users: make them one type")


def _check_scored(pairs: Pairs) -> None:
    entity, score = _COLUMNS[pairs.kind]
    kind = pairs.column(entity).type
    if not (pa.types.is_integer(kind) or (pairs.kind == ACCOUNTS and _is_text(kind))):
        raise AdapterError(f"column {entity} is of type {kind}; a group is a whole number, a user's id one or text")
    pairs.refuse(entity, pc.is_null(pairs.column(entity)), "it must not be null")
    _check_type(pairs, score, pa.types.is_floating, "float")
    _refuse_outside(pairs, score, nulls=True)


def _refuse_outside(pairs: Pairs, name: str, *, nulls: bool) -> None:
    """Refuse what is no probability; ``nulls`` too."""
    column = pairs.column(name)
    inside = pc.and_(pc.greater_equal(column, 0.0), pc.less_equal(column, 1.0))
    if nulls:
        pairs.refuse(name, pc.is_null(column), f"{name} must not be null")
    text = f"{name} lies in [0, 1]" if nulls else f"a {name} lies in [0, 1], or is null where it is unknown"
    pairs.refuse(name, pc.invert(inside), text)


def _check_type(pairs: Pairs, name: str, accepts: Callable[[Any], bool], words: str) -> None:
    kind = pairs.column(name).type
    if not accepts(kind):
        raise AdapterError(f"column {name} is of type {kind}; it must be {words}")


def _check_edges(pairs: Pairs) -> None:
    _check_type(pairs, "keep", pa.types.is_boolean, "bool")
    _check_type(pairs, "fake_score", pa.types.is_floating, "float")
    pairs.refuse("keep", pc.is_null(pairs.column("keep")), "keep is true or false, never null")
    _refuse_outside(pairs, "fake_score", nulls=False)


def _check_recommendations(pairs: Pairs) -> None:
    _check_type(pairs, "rank", pa.types.is_integer, "an integer")
    _check_type(pairs, "score", pa.types.is_floating, "float")
    rank, score = pairs.column("rank"), pairs.column("score")
    pairs.refuse("rank", pc.invert(pc.fill_null(pc.greater(rank, 0), False)), "a rank is a whole number from 1")
    pairs.refuse("score", pc.invert(pc.fill_null(pc.is_finite(score), False)), "a score is a finite number")
