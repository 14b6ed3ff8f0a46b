"""Which rows of a column have a fault, and what its values say."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from recdiff.data.columns import IDS, NUMBERS
from recdiff.data.ids import is_text
from recdiff.data.problems import SHOWN, Problem, shorten

SPLITS = {"train": 0, "val": 1, "valid": 1, "validation": 1, "test": 2}
"""Accepted values of a ``split`` column, in any case, and the part each stands for."""
_LARGEST = pa.scalar(2**63 - 1, pa.uint64())

Found = tuple[list[Problem], int]


def faults_of(name: str, column: pa.ChunkedArray, shown: int = SHOWN) -> Found:
    """Return the faults of one column (rows as indices), the first ones spelled out, and how many there are."""
    if name in IDS:
        return id_faults(column, shown=shown)
    if name in NUMBERS:
        return _number_faults(column, shown)
    return _split_faults(column, shown) if name == "split" else _time_faults(column, shown)


def _at(mask: pa.ChunkedArray | pa.Array, tell: Callable[[int], str], shown: int) -> Found:
    """Return a fault for each true row of ``mask``."""
    if not mask.null_count and not pc.any(mask).as_py():
        return [], 0
    at = pc.indices_nonzero(mask.fill_null(True) if mask.null_count else mask)
    return [Problem(tell(index), row=index) for index in at.slice(0, shown).to_pylist()], len(at)


def id_faults(column: pa.ChunkedArray, *, any_size: bool = False, shown: int = SHOWN) -> Found:
    """Return where an id is null, empty or (unless ``any_size``) beyond int64: rows as indices, and the count."""
    bad = _each(column, lambda values: _no_id(values, any_size))
    return _at(bad, lambda index: _id_text(column[index].as_py()), shown)


def _id_text(value: int | str | None) -> str:
    if value is None or value == "":
        return f"the id is {'null' if value is None else 'empty'}; every row needs an id, a whole number or text"
    return f"the id {value} is beyond 2^63-1; store such ids as text"


def _no_id(values: pa.Array, any_size: bool) -> pa.Array:
    """Return true for empty text and (unless ``any_size``) for numbers beyond int64, null for null."""
    if is_text(values.type):
        return pc.equal(pc.binary_length(values.cast(pa.large_string())), 0)
    return pc.greater(values, _LARGEST) if values.type == pa.uint64() and not any_size else _none(values)


def _none(values: pa.Array) -> pa.Array:
    """Return false for every value, null for null."""
    return pc.not_equal(values, values)


def _number_faults(column: pa.ChunkedArray, shown: int) -> Found:
    def tell(index: int) -> str:
        return f"{shorten(column[index].as_py())} is not a finite number; accepted: finite numbers such as 3.5"

    return _at(pc.invert(_each(column, lambda values: pc.is_finite(_numbers(values)))), tell, shown)


def _split_faults(column: pa.ChunkedArray, shown: int) -> Found:
    accepted = pa.array(list(SPLITS))

    def known(values: pa.Array) -> pa.Array:
        return pc.is_in(pc.utf8_lower(values), value_set=accepted)

    return _at(
        pc.invert(_each(column, known)),
        lambda index: f"the split {shorten(column[index].as_py())} is unknown; accepted: {', '.join(SPLITS)}",
        shown,
    )


def _time_faults(column: pa.ChunkedArray, shown: int) -> Found:
    return _at(
        pc.invert(_each(column, lambda values: pc.is_finite(seconds(values)))),
        lambda index: (
            f"{shorten(column[index].as_py())} is no time; accepted: a finite number (seconds) "
            "or a date such as 2024-05-31 or 2024-05-31T12:00:00"
        ),
        shown,
    )


def _each(column: pa.ChunkedArray, test: Callable[[pa.Array], pa.Array]) -> pa.ChunkedArray:
    """Apply ``test`` to each chunk, to its distinct values only where it is dictionary-coded."""
    chunks = []
    for chunk in column.chunks:
        if pa.types.is_dictionary(chunk.type):
            chunks.append(test(chunk.dictionary).take(chunk.indices))
        else:
            chunks.append(test(chunk))
    return pa.chunked_array(chunks, pa.bool_())


def _numbers(values: pa.Array) -> pa.Array:
    """Return float64, null where the value is no number."""
    return _cast_each(values, pa.float64())


def _cast_each(values: pa.Array, kind: pa.DataType) -> pa.Array:
    """Cast to ``kind``, null where a value cannot be cast; one by one only after the whole has failed."""
    try:
        return values.cast(kind, safe=not pa.types.is_integer(values.type))
    except pa.ArrowInvalid:
        return pa.array([_cast_one(value, kind) for value in values], kind)


def _cast_one(value: pa.Scalar, kind: pa.DataType) -> object:
    try:
        return value.cast(kind).as_py()
    except pa.ArrowInvalid:
        return None


def seconds(values: pa.Array) -> pa.Array:
    """Return float64 seconds of numbers, timestamps, dates or text of any of them; null where it is none."""
    if pa.types.is_date(values.type):
        return seconds(values.cast(pa.timestamp("ms")))
    if pa.types.is_timestamp(values.type):
        ticks = values.cast(pa.int64()).cast(pa.float64(), safe=False)
        return pc.divide(ticks, {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}[values.type.unit])
    numbers = _numbers(values)
    if not is_text(values.type) or numbers.null_count == 0:
        return numbers
    return pc.coalesce(numbers, _dates(values))


def _dates(texts: pa.Array) -> pa.Array:
    """Return float64 seconds of ISO 8601 texts; those with an offset are taken to UTC, others as UTC."""
    zoned = pc.match_substring_regex(texts, r"(Z|[+-][0-9]{2}:?[0-9]{2})$")
    zoned = pc.and_(zoned, pc.match_substring(texts, ":"))
    naive = _cast_each(pc.if_else(zoned, None, texts), pa.timestamp("us"))
    aware = _cast_each(pc.if_else(zoned, texts, None), pa.timestamp("us", "UTC"))
    return seconds(pc.coalesce(naive, aware.cast(pa.timestamp("us"))))
