"""Stream ties from files larger than memory, batch by batch, with the columns that come along.

Memory is bounded by the batch, whatever the number of rows, and every bad row is named. With ``open_edges`` the files
decide what type ids have, as in a data folder; ``recdiff_export.stream.source`` reads the same ``Layout`` of a file,
but keeps ids as they are, and goes on at a row after a run that was killed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from recdiff.data.columns import INTERACTIONS, SOCIAL, Schema, check_mapping, resolve, wrong_types
from recdiff.data.ids import integers_of
from recdiff.data.input_files import parts_of
from recdiff.data.problems import Problem, data_error
from recdiff.data.rows.faults import id_faults
from recdiff.data.rows.keys import Keys, keys_of, repeated
from recdiff.data.table_file import DAMAGED, unreadable
from recdiff.data.text_file import TextFile, is_parquet
from recdiff.errors import DataError
from recdiff.storage.bounded import check_batches, without_views

PAIRS = replace(SOCIAL, optional=())
"""A weight beside the ends of a tie comes along as any other column does."""
ACCOUNTS = replace(INTERACTIONS, table="accounts", required=("user_id",), optional=())
"""Rows about one user each."""
ROWS = 1 << 20


@dataclass(frozen=True)
class EdgeFiles:
    """Ties in one file, or in a folder of parts that are read in the order of their names.

    Attributes:
        parts: the files.
        schema: src and dst, or user_id (all int64 or all string), then the other columns as they are in the files.
        rows: number of rows, None where only reading would tell (text).
    """

    parts: tuple[Path, ...]
    schema: pa.Schema
    rows: int | None
    _mapping: Mapping[str, str]
    _table: Path
    _names: Schema

    @property
    def ids(self) -> str:
        """The names of the columns that hold ids, for people."""
        return ", ".join(self._names.required)

    def batches(self, rows_per_batch: int = ROWS) -> Iterator[pa.RecordBatch]:
        """Yield all rows in batches of ``rows_per_batch``, the last one shorter.

        Raises:
            DataError: a part cannot be read, or an id is empty; with the part and the row.
        """
        pieces = (piece for path in self.parts for piece in self._part(path, rows_per_batch))
        return _regrouped(pieces, rows_per_batch)

    def _part(self, path: Path, rows: int) -> Iterator[pa.RecordBatch]:
        layout = lay_out(path, self._mapping, table=self._table, names=self._names)
        done = 0
        for batch in layout.batches(rows):
            refuse_bad_ids(layout, batch, done)
            columns = [
                written_as(batch.column(source), field.type)
                for source, field in zip(layout.sources, self.schema, strict=True)
            ]
            yield pa.RecordBatch.from_arrays(columns, schema=self.schema)
            done += batch.num_rows


def open_edges(path: str | PathLike[str], mapping: Mapping[str, str] | None = None, names: Schema = PAIRS) -> EdgeFiles:
    """Look at the ties at ``path``: a csv, tsv, .net or parquet file, or a folder of such parts.

    Args:
        names: PAIRS, or ACCOUNTS where rows are about users.

    In text files ids are int64 when every one of them is a whole number, as for a data folder; finding out costs
    one more reading of files whose ids are numbers.

    Raises:
        DataError: nothing to read there, parts that differ in their columns, or columns missing or of a wrong type.
        UsageError: ``mapping`` names an unknown column.
    """
    mapped = check_mapping(mapping)
    parts = parts_of(Path(path))
    layouts = [lay_out(part, mapped, table=Path(path), names=names) for part in parts]
    for layout in layouts[1:]:
        refuse_difference(layouts[0], layout)
    kind = pa.int64() if all(map(_whole, layouts)) else pa.string()
    fields = [pa.field(name, kind) for name in names.required] + list(layouts[0].others)
    counts = [layout.rows for layout in layouts]
    rows = None if None in counts else sum(count for count in counts if count is not None)
    return EdgeFiles(parts=parts, schema=pa.schema(fields), rows=rows, _mapping=mapped, _table=Path(path), _names=names)


@dataclass(frozen=True)
class Layout:
    """Where the columns of one file are.

    Attributes:
        sources: names in the file of src and dst (or user_id) and the other columns, in this order.
        others: fields of the other columns.
        kinds: types of src and dst (or user_id) in the file.
        text: the text file, None for Parquet.
        rows: number of rows, None for text.
        keys: columns that the file does not hold, with the value, or null, of all its rows.
    """

    path: Path
    sources: tuple[str, ...]
    others: tuple[pa.Field, ...]
    kinds: tuple[pa.DataType, ...]
    text: TextFile | None
    rows: int | None
    keys: Keys

    @property
    def ids(self) -> tuple[str, ...]:
        """The names in the file of the columns that hold ids."""
        return self.sources[: len(self.kinds)]

    def batches(
        self, rows: int, columns: Sequence[str] | None = None, groups: Sequence[int] | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Yield the file's rows with ``columns`` (all where not given), of a Parquet file those of row ``groups``.

        Raises:
            DataError: the file is damaged, has broken rows, or takes more memory than is allowed.
        """
        named = list(columns or self.sources)
        for batch in self._stored(rows, [name for name in named if name not in self.keys], groups):
            for name in named:
                if name in self.keys:
                    batch = batch.append_column(name, repeated(self.keys[name], batch.num_rows).dictionary_decode())
            yield batch

    def _stored(self, rows: int, wanted: list[str], groups: Sequence[int] | None) -> Iterator[pa.RecordBatch]:
        if self.text is not None:
            yield from self.text.batches(wanted, pa.string())
            return
        try:
            with pq.ParquetFile(self.path) as file:
                check_batches(self.path, file, rows, groups)
                chosen = None if groups is None else list(groups)
                for batch in file.iter_batches(rows, row_groups=chosen, columns=wanted):
                    for name in set(self.ids) & set(wanted):
                        batch.column(name).validate(full=True)
                    yield without_views(batch)
        except DAMAGED as error:
            raise unreadable(self.path, error) from None

    def lines(self, indices: Sequence[int]) -> Mapping[int, int]:
        """Return what people call the rows at ``indices``: the line of a text file, counted from one in Parquet."""
        if self.text is not None:
            return self.text.scan(indices).lines
        return {index: index + 1 for index in indices}


def lay_out(
    path: Path, mapping: Mapping[str, str], *, table: Path, leave: Sequence[str] = (), names: Schema = PAIRS
) -> Layout:
    """Look at the columns of the file at ``path``.

    Args:
        table: the file, or the folder whose part it is: folders between them, such as year=2024, name further columns.
        leave: columns that do not come along.
        names: which columns hold ids: PAIRS or ACCOUNTS.

    Raises:
        DataError: it cannot be read, or columns are missing, of a wrong type, or two of one name.
    """
    keys = {} if path == table else keys_of(table, path)
    if is_parquet(path):
        return _laid_out(path, *_parquet_columns(path), mapping=mapping, leave=leave, keys=keys, names=names)
    text = TextFile.of(path).by(names, mapping)
    schema = pa.schema([pa.field(name, pa.string()) for name in text.header])
    return _laid_out(path, schema, mapping=mapping, leave=leave, text=text, keys=keys, names=names)


def columns_of(path: Path) -> list[str]:
    """Return the names of the columns of the table at ``path``, a file or a folder of parts.

    Raises:
        DataError: it cannot be read.
    """
    part = parts_of(path)[0]
    return _parquet_columns(part)[0].names if is_parquet(part) else list(TextFile.of(part).header)


def _parquet_columns(path: Path) -> tuple[pa.Schema, int]:
    """Return the columns of a Parquet file and its number of rows."""
    try:
        with pq.ParquetFile(path) as file:
            return file.schema_arrow, file.metadata.num_rows
    except DAMAGED as error:
        raise unreadable(path, error) from None


def _laid_out(
    path: Path,
    schema: pa.Schema,
    rows: int | None = None,
    *,
    mapping: Mapping[str, str],
    leave: Sequence[str],
    keys: Keys,
    names: Schema,
    text: TextFile | None = None,
) -> Layout:
    keys = {key: value for key, value in keys.items() if key not in (*schema.names, *leave)}
    for key in keys:
        schema = schema.append(pa.field(key, pa.string()))
    ends, problems = resolve(schema.names, names, mapping)
    others = [name for name in schema.names if name not in ends.values() and name not in leave]
    problems += [
        Problem("appears more than once; columns that come along need names of their own", column=name)
        for name in dict.fromkeys(others)
        if others.count(name) > 1 or name in names.required
    ]
    if not problems:
        problems += wrong_types(schema, ends)
    if problems:
        raise data_error(path, problems)
    kinds = tuple(schema.field(ends[name]).type for name in names.required)
    fields = tuple(schema.field(name) for name in others)
    return Layout(
        path=path,
        sources=(*(ends[name] for name in names.required), *others),
        others=fields,
        kinds=kinds,
        text=text,
        rows=rows,
        keys=keys,
    )


def refuse_difference(first: Layout, other: Layout) -> None:
    """Raise where two parts differ in their columns beside src and dst.

    Raises:
        DataError: they do.
    """
    if first.others == other.others:
        return
    listed = [", ".join(f"{field.name} {field.type}" for field in layout.others) or "none" for layout in (first, other)]
    raise DataError(
        f"{other.path}: its columns beside src and dst are {listed[1]}; those of {first.path} are {listed[0]}. "
        "All parts must have the same"
    )


def _whole(layout: Layout) -> bool:
    """Say whether every id of the part is a whole number."""
    if layout.text is None:
        return all(pa.types.is_integer(_plain(kind)) for kind in layout.kinds)
    ends = layout.ids
    return all(integers_of(batch.column(name)) is not None for batch in layout.batches(ROWS, ends) for name in ends)


def _plain(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def refuse_bad_ids(layout: Layout, batch: pa.RecordBatch, before: int, *, any_size: bool = False) -> None:
    """Raise where an id is none.

    Args:
        before: rows of the file that came earlier.
        any_size: a number beyond int64 is an id too, though of nobody with a smaller one.

    Raises:
        DataError: an id is null, empty or too large.
    """
    columns = {name: pa.chunked_array([batch.column(name)]) for name in layout.ids}
    found = {name: id_faults(column, any_size=any_size) for name, column in columns.items()}
    total = sum(count for _, count in found.values())
    if not total:
        return
    faults = [(before + (fault.row or 0), fault.text, name) for name, (some, _) in found.items() for fault in some]
    lines = layout.lines([index for index, _, _ in faults])
    raise data_error(layout.path, [Problem(text, lines[index], name) for index, text, name in faults], total)


def row_of(path: Path, index: int) -> int:
    """Return what people call the row at ``index`` of the file at ``path``: its line, counted from one in Parquet."""
    return index + 1 if is_parquet(path) else TextFile.of(path).scan([index]).lines[index]


def written_as(column: pa.Array, kind: pa.DataType) -> pa.Array:
    """Return ``column`` as ``kind``, one that its values can be written in."""
    if column.type == kind:
        return column
    return (column.dictionary_decode() if pa.types.is_dictionary(column.type) else column).cast(kind)


def _regrouped(pieces: Iterable[pa.RecordBatch], rows: int) -> Iterator[pa.RecordBatch]:
    """Cut and join ``pieces`` into batches of ``rows``."""
    held: list[pa.RecordBatch] = []
    count = 0
    for piece in pieces:
        start = 0
        while count + piece.num_rows - start >= rows:
            held.append(piece.slice(start, rows - count))
            start += rows - count
            yield _joined(held)
            held, count = [], 0
        if start < piece.num_rows:
            held.append(piece.slice(start))
            count += piece.num_rows - start
    if held:
        yield _joined(held)


def _joined(pieces: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
    return pieces[0] if len(pieces) == 1 else pa.Table.from_batches(pieces).combine_chunks().to_batches()[0]
