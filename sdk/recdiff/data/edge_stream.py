"""Stream ties from files larger than memory, batch by batch, with the columns that come along.

Memory is bounded by the batch, whatever the number of rows. The files decide here what type ids have, as in a data
folder, and every bad row is named; what scores ties reads them through ``recdiff_export.stream.source``, where the
model's ids decide and a killed run goes on at a row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from recdiff.data.columns import SOCIAL, check_mapping, resolve
from recdiff.data.ids import integers_of
from recdiff.data.problems import Problem, data_error
from recdiff.data.table_file import DAMAGED, id_faults, unreadable, wrong_types
from recdiff.data.text_file import TextFile, delimiter_of
from recdiff.errors import DataError
from recdiff.storage.bounded import check_batches

ENDS = ("src", "dst")
ROWS = 1 << 20


@dataclass(frozen=True)
class EdgeFiles:
    """Ties in one file, or in a folder of parts that are read in the order of their names.

    Attributes:
        parts: the files.
        schema: src and dst (both int64 or both string), then the other columns as they are in the files.
        rows: number of rows, None where only reading would tell (text).
    """

    parts: tuple[Path, ...]
    schema: pa.Schema
    rows: int | None
    _mapping: Mapping[str, str]

    def batches(self, rows_per_batch: int = ROWS) -> Iterator[pa.RecordBatch]:
        """Yield all rows in batches of ``rows_per_batch``, the last one shorter.

        Raises:
            DataError: a part cannot be read, or an id is empty; with the part and the row.
        """
        pieces = (piece for path in self.parts for piece in self._part(path, rows_per_batch))
        return _regrouped(pieces, rows_per_batch)

    def _part(self, path: Path, rows: int) -> Iterator[pa.RecordBatch]:
        layout = _layout(path, self._mapping)
        done = 0
        for batch in layout.batches(rows):
            _refuse_bad_ids(layout, batch, done)
            columns = [
                _as(batch.column(source), field.type) for source, field in zip(layout.sources, self.schema, strict=True)
            ]
            yield pa.RecordBatch.from_arrays(columns, schema=self.schema)
            done += batch.num_rows


def open_edges(path: str | PathLike[str], mapping: Mapping[str, str] | None = None) -> EdgeFiles:
    """Look at the ties at ``path``: a csv, tsv, .net or parquet file, or a folder of such parts.

    In text files ids are int64 when every one of them is a whole number, as for a data folder; finding out costs
    one more reading of files whose ids are numbers.

    Raises:
        DataError: nothing to read there, parts that differ in their columns, or columns missing or of a wrong type.
        UsageError: ``mapping`` names an unknown column.
    """
    names = check_mapping(mapping)
    parts = _parts(Path(path))
    layouts = [_layout(part, names) for part in parts]
    for layout in layouts[1:]:
        _refuse_difference(layouts[0], layout)
    kind = pa.int64() if all(map(_whole, layouts)) else pa.string()
    fields = [pa.field(name, kind) for name in ENDS] + list(layouts[0].others)
    counts = [layout.rows for layout in layouts]
    rows = None if None in counts else sum(count for count in counts if count is not None)
    return EdgeFiles(parts, pa.schema(fields), rows, names)


def iter_edge_batches(
    path: str | PathLike[str], rows_per_batch: int = ROWS, mapping: Mapping[str, str] | None = None
) -> Iterator[pa.RecordBatch]:
    """Open ``path`` (see open_edges) and yield its batches."""
    return open_edges(path, mapping).batches(rows_per_batch)


@dataclass(frozen=True)
class _Layout:
    """Where the columns of one part are.

    Attributes:
        sources: names in the file of src, dst and the other columns, in this order.
        others: fields of the other columns.
        kinds: types of src and dst in the file.
        text: the text file, None for Parquet.
        rows: number of rows, None for text.
    """

    path: Path
    sources: tuple[str, ...]
    others: tuple[pa.Field, ...]
    kinds: tuple[pa.DataType, ...]
    text: TextFile | None
    rows: int | None

    def batches(self, rows: int, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Yield the part's rows with ``columns`` (all where not given)."""
        wanted = list(columns or self.sources)
        if self.text is not None:
            yield from self.text.batches(wanted, pa.string())
            return
        try:
            with pq.ParquetFile(self.path) as file:
                check_batches(self.path, file, rows)
                for batch in file.iter_batches(rows, columns=wanted):
                    for name in self.sources[:2]:
                        batch.column(name).validate(full=True)
                    yield batch
        except DAMAGED as error:
            raise unreadable(self.path, error) from None


def _parts(path: Path) -> tuple[Path, ...]:
    if path.is_file():
        return (path,)
    if not path.is_dir():
        raise DataError(f"{path}: no such file or folder")
    # Engines leave markers such as _SUCCESS and .crc files beside the parts.
    entries = sorted(entry for entry in path.rglob("*") if not entry.name.startswith(("_", ".")))
    parts = tuple(entry for entry in entries if entry.is_file() and (_is_parquet(entry) or delimiter_of(entry)))
    if not parts:
        raise DataError(f"{path}: holds no part; accepted: .parquet, .csv, .tsv and .net files, text also .gz or .zst")
    return parts


def _is_parquet(path: Path) -> bool:
    return path.suffix == ".parquet"


def _layout(path: Path, mapping: Mapping[str, str]) -> _Layout:
    if _is_parquet(path):
        return _parquet_layout(path, mapping)
    text = TextFile.of(path)
    schema = pa.schema([pa.field(name, pa.string()) for name in text.header])
    return _laid_out(path, schema, mapping, text, None)


def _parquet_layout(path: Path, mapping: Mapping[str, str]) -> _Layout:
    try:
        with pq.ParquetFile(path) as file:
            schema, rows = file.schema_arrow, file.metadata.num_rows
    except DAMAGED as error:
        raise unreadable(path, error) from None
    return _laid_out(path, schema, mapping, None, rows)


def _laid_out(
    path: Path, schema: pa.Schema, mapping: Mapping[str, str], text: TextFile | None, rows: int | None
) -> _Layout:
    names, problems = resolve(schema.names, SOCIAL, mapping)
    ends = {name: names[name] for name in ENDS if name in names}
    others = [name for name in schema.names if name not in ends.values()]
    problems += [
        Problem("appears more than once; columns that come along need names of their own", column=name)
        for name in dict.fromkeys(others)
        if others.count(name) > 1 or name in ENDS
    ]
    if not problems:
        problems += wrong_types(schema, ends)
    if problems:
        raise data_error(path, problems)
    kinds = tuple(schema.field(ends[name]).type for name in ENDS)
    fields = tuple(schema.field(name) for name in others)
    return _Layout(
        path=path, sources=(ends["src"], ends["dst"], *others), others=fields, kinds=kinds, text=text, rows=rows
    )


def _refuse_difference(first: _Layout, other: _Layout) -> None:
    if first.others == other.others:
        return
    listed = [", ".join(f"{field.name} {field.type}" for field in layout.others) or "none" for layout in (first, other)]
    raise DataError(
        f"{other.path}: its columns beside src and dst are {listed[1]}; those of {first.path} are {listed[0]}. "
        "All parts must have the same"
    )


def _whole(layout: _Layout) -> bool:
    """Say whether every id of the part is a whole number."""
    if layout.text is None:
        return all(pa.types.is_integer(_plain(kind)) for kind in layout.kinds)
    ends = layout.sources[:2]
    return all(integers_of(batch.column(name)) is not None for batch in layout.batches(ROWS, ends) for name in ends)


def _plain(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _refuse_bad_ids(layout: _Layout, batch: pa.RecordBatch, before: int) -> None:
    """Raise where src or dst is no id; ``before`` rows of the part came earlier."""
    found = {name: id_faults(pa.chunked_array([batch.column(name)])) for name in layout.sources[:2]}
    total = sum(count for _, count in found.values())
    if not total:
        return
    faults = [(before + (fault.row or 0), fault.text, name) for name, (some, _) in found.items() for fault in some]
    lines = _lines(layout, [index for index, _, _ in faults])
    raise data_error(layout.path, [Problem(text, lines[index], name) for index, text, name in faults], total)


def _lines(layout: _Layout, indices: Sequence[int]) -> Mapping[int, int]:
    if layout.text is not None:
        return layout.text.scan(indices).lines
    return {index: index + 1 for index in indices}


def _as(column: pa.Array, kind: pa.DataType) -> pa.Array:
    return column if column.type == kind else column.cast(kind)


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
