"""Raw ids, kept exactly as they came in, and the positions that stand for them inside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recdiff.arrays import Int64, Positions, position_type
from recdiff.data.text_index import TextIndex

_DENSE_SPREAD = 4
"""A lookup table is used while the ids' range is at most this many times their number."""


@dataclass(frozen=True, eq=False)
class Ids:
    """Distinct raw ids in ascending order; position i stands for ``values[i]``.

    Attributes:
        values: pyarrow array (N,), int64 or string, sorted (strings by code point), without nulls.
    """

    values: pa.Array

    def __post_init__(self) -> None:
        if self.values.type not in (pa.int64(), pa.string()):
            raise ValueError(f"ids must be int64 or string, got {self.values.type}")

    def __len__(self) -> int:
        return len(self.values)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ids) and bool(self.values.equals(other.values))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        shown = ", ".join(repr(each) for each in self.values[:2].to_pylist())
        return (
            f"Ids({len(self):,} of {self.values.type}{': ' if shown else ''}{shown}{', ...' if len(self) > 2 else ''})"
        )

    @property
    def integers(self) -> bool:
        """Whether the ids are int64 rather than strings."""
        return bool(self.values.type == pa.int64())

    def index(self, raw: Any) -> Int64:
        """Return the position of each raw id, int64 (B,), -1 where it is unknown.

        A whole number and its plain decimal spelling name the same id ("5" and 5, but not "05"); null is unknown.
        """
        if len(self) == 0:
            return np.full(len(raw), -1, np.int64)
        wanted = as_ids(raw)
        if wanted.type == pa.string() and self.integers:
            numbers = integers_of(wanted)
            wanted = _integers_where_plain(wanted) if numbers is None else numbers
        elif wanted.type != self.values.type:
            wanted = pc.cast(wanted, pa.string())
        return self._index_integers(wanted) if self.integers else self._index_strings(wanted)

    def take(self, positions: Any) -> pa.Array:
        """Return the raw ids at ``positions`` (B,).

        Raises:
            IndexError: a position is outside 0..N-1; -1 (unknown) has no raw id.
        """
        at = np.asarray(positions, dtype=np.int64)
        if at.size and (at.min() < 0 or at.max() >= len(self)):
            raise IndexError(f"positions must be in 0..{len(self) - 1}, got {at.min()}..{at.max()}")
        return self.values.take(pa.array(at))

    @cached_property
    def _numbers(self) -> Int64:
        return np.asarray(self.values.to_numpy(zero_copy_only=False), dtype=np.int64)

    @cached_property
    def _dense(self) -> Int64 | None:
        """Positions by ``id - first id``, or None where the ids are too far apart for a table."""
        numbers = self._numbers
        spread = int(numbers[-1]) - int(numbers[0]) + 1
        if spread > _DENSE_SPREAD * len(numbers) + 1024:
            return None
        table = np.full(spread, -1, np.int64)
        table[numbers - numbers[0]] = np.arange(len(numbers))
        return table

    @cached_property
    def _texts(self) -> TextIndex | None:
        return TextIndex.of(self.values)

    def _index_integers(self, wanted: pa.Array) -> Int64:
        known = np.asarray(wanted.is_valid().to_numpy(zero_copy_only=False), dtype=bool)
        numbers = np.asarray(wanted.fill_null(0).to_numpy(zero_copy_only=False), dtype=np.int64)
        if self._dense is None:
            at = np.minimum(np.searchsorted(self._numbers, numbers), len(self) - 1)
            return np.where(known & (self._numbers[at] == numbers), at, -1).astype(np.int64)
        known &= (numbers >= self._numbers[0]) & (numbers <= self._numbers[-1])
        offset = np.where(known, numbers, self._numbers[0]) - self._numbers[0]
        return np.where(known, self._dense[offset], -1)

    def _index_strings(self, wanted: pa.Array) -> Int64:
        if self._texts is not None:
            return self._texts.find(wanted)
        found = pc.index_in(wanted, value_set=self.values).fill_null(-1)
        return np.asarray(found.to_numpy(zero_copy_only=False), dtype=np.int64)


def as_ids(raw: Any) -> pa.Array:
    """Return raw ids (arrow, numpy, list; dictionary-coded or not) as an int64 or string array.

    Where a column of numbers goes beyond int64 they are spelled out: no text of a plain number names another id.

    Raises:
        ValueError: the values are neither whole numbers nor text.
    """
    array = raw if isinstance(raw, pa.Array | pa.ChunkedArray) else _from_python(raw)
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    if pa.types.is_dictionary(array.type):
        array = _decoded(array)
    if pa.types.is_null(array.type):
        return array.cast(pa.string())
    if pa.types.is_integer(array.type):
        beyond = array.type == pa.uint64() and len(array) and (pc.max(array).as_py() or 0) >= 2**63
        return array.cast(pa.string() if beyond else pa.int64())
    if is_text(array.type):
        return array.cast(pa.string())
    raise ValueError(f"ids must be whole numbers or text, got {array.type}")


def _decoded(array: pa.DictionaryArray) -> pa.Array:
    """Return what ``array`` codes; Arrow takes nothing from an array of views of text."""
    values = array.dictionary
    return (values.cast(pa.large_string()) if pa.types.is_string_view(values.type) else values).take(array.indices)


def is_text(kind: pa.DataType) -> bool:
    """Say whether an arrow type holds text."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def integers_of(texts: pa.Array) -> pa.Array | None:
    """Return ``texts`` as int64 when each is the plain decimal spelling of one ("7", not "007" or "+7"), else None."""
    try:
        numbers = texts.cast(pa.int64())
    except pa.ArrowInvalid:
        return None
    same = pc.all(pc.equal(numbers.cast(pa.string()), texts)).as_py()
    return numbers if same is not False else None


@dataclass(frozen=True)
class Coded:
    """An id column as codes into its distinct values.

    Attributes:
        values: distinct raw ids, string or int64.
        codes: (B,), position in ``values`` of each row's id, of ``position_type``.
        spelled: the values come from a text file, where 7 may mean the number or the text.
    """

    values: pa.Array
    codes: Positions
    spelled: bool

    @cached_property
    def integers(self) -> pa.Array | None:
        """The values as int64, or None where one of them is no number."""
        if self.values.type == pa.int64():
            return self.values
        return integers_of(self.values) if self.spelled else None


def join(columns: Sequence[Coded]) -> tuple[Ids, list[Positions]]:
    """Number the ids of ``columns`` together.

    Returns:
        The distinct ids of all columns (int64 when every column's ids are whole numbers, else strings exactly as
        written) and, per column, the position of each row's id, of ``position_type``.
    """
    whole = [column.integers for column in columns]
    parts = [values for values in whole if values is not None]
    if len(parts) < len(columns):
        parts = [column.values.cast(pa.string()) for column in columns]
    kind = parts[0].type if parts else pa.string()
    distinct = pc.unique(pa.chunked_array(parts, kind))
    ids = Ids(distinct.take(pc.sort_indices(distinct)))
    narrow = position_type(len(ids))
    return ids, [ids.index(part).astype(narrow)[column.codes] for part, column in zip(parts, columns, strict=True)]


class Gathered:
    """Id columns of several tables, one after the other: distinct ids are held once, rows by their codes."""

    def __init__(self) -> None:
        self._values: pa.Array | None = None
        self._codes: list[Positions] = []
        self._spelled = True

    def add(self, column: Coded) -> None:
        """Add the rows of ``column`` behind those that are here."""
        before = column.values[:0] if self._values is None else self._values
        kind = before.type if before.type == column.values.type else pa.string()
        new = column.values.cast(kind)
        # What comes first stays first, so codes that are here stay what they are.
        self._values = pc.unique(pa.chunked_array([before.cast(kind), new], kind))
        place = pc.index_in(new, value_set=self._values).to_numpy(zero_copy_only=False)
        self._codes.append(place.astype(position_type(len(self._values)))[column.codes])
        self._spelled &= column.spelled

    def whole(self) -> Coded:
        """Return all rows as one column, and hold none of them any more."""
        assert self._values is not None
        found = Coded(self._values, np.concatenate(self._codes), self._spelled)
        self._codes.clear()
        return found


def _from_python(raw: Any) -> pa.Array:
    values = raw.tolist() if isinstance(raw, np.ndarray) and raw.dtype.kind in "OUT" else raw
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as error:
        raise ValueError(f"ids must be all whole numbers within int64 or all text: {error}") from None


def _integers_where_plain(texts: pa.Array) -> pa.Array:
    """Return int64, null where the text is not a plain decimal number within int64."""
    short = pc.match_substring_regex(texts, r"^(0|-?[1-9][0-9]{0,17})$")
    numbers = pc.if_else(short, texts, None).cast(pa.int64())
    # Nineteen digits may or may not fit: rare, so Python's integers decide.
    long = pc.match_substring_regex(texts, r"^-?[1-9][0-9]{18}$").fill_null(False)
    if not pc.any(long).as_py():
        return numbers
    exact = [int(text) for text in texts.filter(long).to_pylist()]
    fitting = [number if -(2**63) <= number < 2**63 else None for number in exact]
    return pc.replace_with_mask(numbers, long, pa.array(fitting, pa.int64()))
