"""Read files whose content may take any amount of memory, whatever their size: looked at first, counted meanwhile."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from recdiff.errors import DataError
from recdiff.machine.memory import Budget, too_large

VALUE = 64
"""Bytes that one value takes at most on its way to an array: measured 85 to 185 a row of two ids."""
MOST_COLUMNS = 10_000
_TEXT = "BYTE_ARRAY"


def held(path: Path, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield ``batches``, all of which are kept, as long as memory may hold them.

    Raises:
        DataError: they take more than is allowed.
    """
    budget = Budget(path)
    for batch in batches:
        budget.take(batch.nbytes + batch.num_rows * batch.num_columns * VALUE)
        yield batch


def parquet_columns(path: Path, names: Sequence[str], texts: Sequence[str]) -> pa.Table:
    """Return the columns ``names`` of a Parquet file, those of ``texts`` as dictionaries.

    Parquet holds a text that returns only once, and counts that return too: a small file may have any number of rows.

    Raises:
        DataError: they take more memory than is allowed.
    """
    budget = Budget(path)
    with _coded(path, texts) as file:
        budget.take(file.metadata.num_rows * len(names) * VALUE)
        # Not column by column: Arrow ends the process where a damaged file says nothing of one.
        unpacked = max(map(_unpacked, repeat(file), range(file.metadata.num_row_groups)), default=0)
        if unpacked > budget.most:
            raise too_large(path, unpacked, "a row group")
        table = file.read(columns=list(names))
    budget.take(table.nbytes)
    table.validate(full=True)
    return table


def without_views(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return ``batch`` with views of text and bytes as text and bytes: Arrow can neither filter the former nor take."""
    plain = {pa.string_view(): pa.large_string(), pa.binary_view(): pa.large_binary()}
    for at, field in enumerate(batch.schema):
        if field.type in plain:
            batch = batch.set_column(at, field.name, batch.column(at).cast(plain[field.type]))
    return batch


def read_parquet(path: Path) -> pa.Table:
    """Return the whole of a Parquet file.

    Raises:
        DataError: it takes more memory than is allowed.
    """
    with pq.ParquetFile(path) as file:
        rows, columns = file.metadata.num_rows, file.metadata.num_columns
        Budget(path).take(rows * columns * VALUE)
        check_batches(path, file, rows)
        return file.read()


def check_batches(path: Path, file: pq.ParquetFile, rows: int, groups: Sequence[int] | None = None) -> None:
    """Refuse a Parquet file of which ``rows`` rows at once take more memory than is allowed.

    A dictionary stores a long text once, for any number of rows: the longest text of each is looked at.

    Raises:
        DataError: the file is such a one.
    """
    metadata, budget = file.metadata, Budget(path)
    if metadata.num_columns > MOST_COLUMNS:
        raise DataError(f"{path}: has {metadata.num_columns:,} columns; accepted are at most {MOST_COLUMNS:,}")
    columns = map(file.schema.column, range(metadata.num_columns))
    texts = [each.path for each in columns if each.physical_type == _TEXT and each.max_repetition_level == 0]
    with _coded(path, texts) as coded:
        for group in range(metadata.num_row_groups) if groups is None else groups:
            if _unpacked(file, group) > budget.most:
                raise too_large(path, _unpacked(file, group), "a row group")
            for text in texts:
                needed = _longest(coded, group, text) * min(rows, metadata.row_group(group).num_rows)
                if needed > budget.most:
                    raise too_large(path, needed, f"a batch of column {text!r}")


def _coded(path: Path, texts: Sequence[str]) -> pq.ParquetFile:
    """Open a Parquet file whose columns ``texts`` are read as dictionaries."""
    try:
        return pq.ParquetFile(path, read_dictionary=list(texts))
    except KeyError as error:
        raise pa.ArrowInvalid(f"column {error} is listed and not there") from None


def _longest(coded: pq.ParquetFile, group: int, text: str) -> int:
    """Return the bytes of the longest text in the dictionary of one column of one row group, 0 without one."""
    first = next(coded.iter_batches(1, row_groups=[group], columns=[text]), None)
    while first is not None and pa.types.is_struct(first.column(0).type):
        first = pa.RecordBatch.from_struct_array(first.column(0))
    if first is None or not pa.types.is_dictionary(first.column(0).type):
        return 0
    return int(pc.max(pc.binary_length(first.column(0).dictionary)).as_py() or 0)


def _unpacked(file: pq.ParquetFile, group: int) -> int:
    """Return the bytes that a row group says it has before compression."""
    return int(file.metadata.row_group(group).total_byte_size)
