"""Read one file of interactions or ties, column by column, and find everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from recdiff.data.columns import IDS, NUMBERS, Schema, resolve, unused, wrong_types
from recdiff.data.exact_scan import Scan
from recdiff.data.ids import Coded, is_text
from recdiff.data.problems import SHOWN, Problem, data_error, shorten
from recdiff.data.text_file import TextFile, is_parquet
from recdiff.errors import DataError
from recdiff.storage.bounded import held, parquet_columns

SPLITS = {"train": 0, "val": 1, "valid": 1, "validation": 1, "test": 2}
"""Accepted values of a ``split`` column, in any case, and the part each stands for."""
_LARGEST = pa.scalar(2**63 - 1, pa.uint64())
DAMAGED = (pa.ArrowException, OSError, MemoryError, UnicodeDecodeError)
"""What reading a damaged Parquet file raises; names that are not UTF-8 fail in Python."""

Found = tuple[list[Problem], int]


@dataclass(frozen=True)
class Table:
    """One file's rows.

    Attributes:
        path: the file.
        rows: number of rows.
        ids: the id columns by canonical name.
        split: int8 (rows,), 0 train, 1 validation, 2 test; None where the file has no such column.
        time: float64 (rows,), seconds, of interactions (where asked for) or of ties; None where there are none.
        checked: canonical names of columns that were checked but carry nothing further (rating, weight).
        unused: columns of the file that were not looked at.
    """

    path: Path
    rows: int
    ids: Mapping[str, Coded]
    split: NDArray[np.int8] | None
    time: NDArray[np.float64] | None
    checked: tuple[str, ...]
    unused: tuple[str, ...]


@dataclass(frozen=True)
class Source:
    """Columns as they lie in a file; ``lines`` turns row indices into row numbers, and names the broken rows."""

    path: Path
    names: Mapping[str, str]
    columns: Mapping[str, pa.ChunkedArray]
    unused: tuple[str, ...]
    spelled: bool
    broken: Scan
    lines: Callable[[Sequence[int]], dict[int, int]]


def read_table(path: Path, schema: Schema, mapping: Mapping[str, str], *, with_time: bool = False) -> Table:
    """Read the file at ``path`` as ``schema`` says.

    Args:
        path: csv or tsv (plain, .gz or .zst), RecBole .inter or .net, or parquet.
        schema: which columns it has.
        mapping: canonical column name -> name in the file, for names that are not recognised.
        with_time: whether the timestamps of interactions are needed; else they are not looked at.

    Raises:
        DataError: the file cannot be read, or some of it cannot be used; every problem is named.
    """
    return checked(_open(path, schema, mapping), with_time=with_time)


def checked(source: Source, *, with_time: bool = False) -> Table:
    """Return the rows of ``source``.

    Raises:
        DataError: some of it cannot be used; every problem is named.
    """
    wanted = {name: column for name, column in source.columns.items() if name != "timestamp" or with_time}
    found = {name: _faults(name, column) for name, column in wanted.items()}
    problems, total = _place(source, found)
    if problems:
        raise data_error(source.path, problems, total)
    rows = len(next(iter(source.columns.values())))
    if rows == 0:
        raise data_error(source.path, [Problem("the file has a header and no rows; it needs at least one row")])
    return Table(
        path=source.path,
        rows=rows,
        ids={name: _coded(column, source.spelled) for name, column in wanted.items() if name in IDS},
        split=_split_of(wanted["split"]) if "split" in wanted else None,
        time=next((_time_of(wanted[name]) for name in ("timestamp", "tied_at") if name in wanted), None),
        checked=tuple(name for name in wanted if name in NUMBERS),
        unused=source.unused,
    )


def _open(path: Path, schema: Schema, mapping: Mapping[str, str]) -> Source:
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    return _open_parquet(path, schema, mapping) if is_parquet(path) else _open_text(path, schema, mapping)


def _open_text(path: Path, schema: Schema, mapping: Mapping[str, str]) -> Source:
    text = TextFile.of(path).by(schema, mapping)
    names, problems = resolve(text.header, schema, mapping)
    if problems:
        exact = text.scan()
        raise data_error(path, problems + exact.problems, len(problems) + exact.total)
    wanted = list(dict.fromkeys(names.values()))
    coded = pa.dictionary(pa.int32(), pa.string())
    breaks: list[bool] = []
    batches = list(held(path, text.batches(wanted, coded, on_broken=lambda: breaks.append(True))))
    columns = {
        name: pa.chunked_array([batch.column(column) for batch in batches], coded) for name, column in names.items()
    }

    def locate(indices: Sequence[int]) -> dict[int, int]:
        return text.scan(indices).lines

    broken = text.scan() if breaks else Scan()
    return Source(
        path=path,
        names=names,
        columns=columns,
        unused=unused(text.header, names),
        spelled=True,
        broken=broken,
        lines=locate,
    )


def _open_parquet(path: Path, schema: Schema, mapping: Mapping[str, str]) -> Source:
    if path.stat().st_size == 0:
        raise data_error(path, [Problem("the file is empty; it needs columns and rows")])
    try:
        with pq.ParquetFile(path) as file:
            header = file.schema_arrow.names
            names, problems = resolve(header, schema, mapping)
            problems += wrong_types(file.schema_arrow, names)
            if problems:
                raise data_error(path, problems)
            wanted = list(dict.fromkeys(names.values()))
            texts = [name for name in wanted if is_text(file.schema_arrow.field(name).type)]
        table = parquet_columns(path, wanted, texts)
    except DAMAGED as error:
        raise unreadable(path, error) from None
    columns = {name: table.column(column) for name, column in names.items()}
    left = unused(header, names)
    return Source(
        path=path, names=names, columns=columns, unused=left, spelled=False, broken=Scan(), lines=_parquet_rows
    )


def _parquet_rows(indices: Sequence[int]) -> dict[int, int]:
    return {index: index + 1 for index in indices}


def _place(source: Source, found: Mapping[str, Found]) -> Found:
    """Give every fault its row number and its column's name."""
    indices = sorted({fault.row for faults, _ in found.values() for fault in faults if fault.row is not None})
    lines = source.lines(indices) if indices else {}
    placed = [
        Problem(fault.text, None if fault.row is None else lines.get(fault.row), source.names[name])
        for name, (faults, _) in found.items()
        for fault in faults
    ]
    return source.broken.problems + placed, source.broken.total + sum(count for _, count in found.values())


def _faults(name: str, column: pa.ChunkedArray) -> Found:
    """Return the faults of one column (rows as indices), the first few spelled out, and how many there are."""
    if name in IDS:
        return id_faults(column)
    if name in NUMBERS:
        return _number_faults(column)
    return _split_faults(column) if name == "split" else _time_faults(column)


def _at(mask: pa.ChunkedArray | pa.Array, tell: Callable[[int], str]) -> Found:
    """Return a fault for each true row of ``mask``."""
    if not mask.null_count and not pc.any(mask).as_py():
        return [], 0
    at = pc.indices_nonzero(mask.fill_null(True) if mask.null_count else mask)
    return [Problem(tell(index), row=index) for index in at.slice(0, SHOWN).to_pylist()], len(at)


def id_faults(column: pa.ChunkedArray, *, any_size: bool = False) -> Found:
    """Return where an id is null, empty or (unless ``any_size``) beyond int64: rows as indices, and the count."""
    return _at(_each(column, lambda values: _no_id(values, any_size)), lambda index: _id_text(column[index].as_py()))


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


def _number_faults(column: pa.ChunkedArray) -> Found:
    def tell(index: int) -> str:
        return f"{shorten(column[index].as_py())} is not a finite number; accepted: finite numbers such as 3.5"

    return _at(pc.invert(_each(column, lambda values: pc.is_finite(_numbers(values)))), tell)


def _split_faults(column: pa.ChunkedArray) -> Found:
    accepted = pa.array(list(SPLITS))

    def known(values: pa.Array) -> pa.Array:
        return pc.is_in(pc.utf8_lower(values), value_set=accepted)

    return _at(
        pc.invert(_each(column, known)),
        lambda index: f"the split {shorten(column[index].as_py())} is unknown; accepted: {', '.join(SPLITS)}",
    )


def _time_faults(column: pa.ChunkedArray) -> Found:
    return _at(
        pc.invert(_each(column, lambda values: pc.is_finite(_seconds(values)))),
        lambda index: (
            f"{shorten(column[index].as_py())} is no time; accepted: a finite number (seconds) "
            "or a date such as 2024-05-31 or 2024-05-31T12:00:00"
        ),
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


def _seconds(values: pa.Array) -> pa.Array:
    """Return float64 seconds of numbers, timestamps, dates or text of any of them; null where it is none."""
    if pa.types.is_date(values.type):
        return _seconds(values.cast(pa.timestamp("ms")))
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
    return _seconds(pc.coalesce(naive, aware.cast(pa.timestamp("us"))))


def _coded(column: pa.ChunkedArray, spelled: bool) -> Coded:
    coded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    coded = coded.unify_dictionaries().combine_chunks()
    kind = pa.int64() if pa.types.is_integer(coded.dictionary.type) else pa.string()
    codes = np.asarray(coded.indices.to_numpy(zero_copy_only=False), dtype=np.int64)
    # A dictionary may hold values that no row uses; they name nobody.
    used = np.bincount(codes, minlength=len(coded.dictionary)) > 0
    values = coded.dictionary.filter(pa.array(used)).cast(kind)
    return Coded(values, (np.cumsum(used) - 1)[codes], spelled)


def _split_of(column: pa.ChunkedArray) -> NDArray[np.int8]:
    coded = _coded(column, True)
    parts = np.array([SPLITS[value.lower()] for value in coded.values.to_pylist()], np.int8)
    return parts[coded.codes]


def _time_of(column: pa.ChunkedArray) -> NDArray[np.float64]:
    plain = column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
    return np.concatenate([np.asarray(_seconds(chunk).to_numpy(zero_copy_only=False)) for chunk in plain.chunks])


def unreadable(path: Path, error: BaseException) -> DataError:
    """Return the error for a Parquet file that fails to open or to read with ``error`` (one of DAMAGED)."""
    reason = " ".join(str(error).split()) or type(error).__name__
    return data_error(path, [Problem(f"not a readable Parquet file: {reason}")])
