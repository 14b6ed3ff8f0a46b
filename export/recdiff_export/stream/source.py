"""Where streamed edges come from: Parquet or text files, or a folder of them, cut into segments.

A segment is a run of rows of one file: what is finished, written and remembered as one. Ids are read as they are
spelled and written back so: what a model does not know is unknown, however it would look as a number.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from recdiff.data.edge_stream import Layout, lay_out, refuse_bad_ids, refuse_difference, written_as
from recdiff.data.input_files import parts_of
from recdiff.data.table_file import DAMAGED, unreadable
from recdiff.data.text_file import is_parquet

# Rows of one segment; at about 20 bytes a row its output is at most 160 MB.
SEGMENT_ROWS = 1 << 23
BATCH_ROWS = 1 << 17
# Looking up text ids costs a fixed price per batch (Arrow hashes the model's ids each time).
TEXT_ID_BATCH_ROWS = 1 << 19
OLD = ("fake_score",)
"""Columns that do not come along."""


@dataclass(frozen=True)
class Segment:
    """Rows ``first`` .. ``first + rows`` of ``path`` (``rows`` None: text, until ``SEGMENT_ROWS`` or the end).

    Attributes:
        groups: the Parquet row groups it is made of; empty for text.
    """

    path: Path
    first: int
    rows: int | None
    groups: tuple[int, ...] = ()


@dataclass(frozen=True)
class EdgeSource:
    """The files to stream, and how the ends of their edges are called and written.

    Attributes:
        table: the file, or the folder whose parts they are.
        files: in the order in which they are read.
        mapping: src or dst -> what the files call it.
        integers: the model's user ids are whole numbers.
        kind: type of src and dst in the output, None where it is each column's own.
    """

    table: Path
    files: tuple[Path, ...]
    mapping: Mapping[str, str]
    integers: bool
    kind: pa.DataType | None = None

    @classmethod
    def open(cls, path: Path, mapping: Mapping[str, str], *, integers: bool) -> EdgeSource:
        """Find the files at ``path`` and look at their columns; ``integers`` says that the model's ids are numbers.

        Raises:
            DataError: there is no such file, or a folder without any; a file cannot be read, columns are missing, of a
                wrong type or two of one name, or the files differ in those that come along.
        """
        files = parts_of(path)
        ends = {name: column for name, column in mapping.items() if name in ("src", "dst")}
        layouts = [lay_out(file, ends, table=path, leave=OLD) for file in files]
        for layout in layouts[1:]:
            refuse_difference(layouts[0], layout)
        return cls(path, files, ends, integers, _common(layouts))

    def segments(self) -> Iterator[Segment]:
        """Yield all segments in order; a text file is one open-ended segment, to be cut while it is read.

        Raises:
            DataError: a Parquet file cannot be read.
        """
        for file in self.files:
            if is_parquet(file):
                yield from _parquet_segments(file)
            else:
                yield Segment(file, 0, None)

    def total_rows(self) -> int:
        """Return the number of rows, 0 where text files make it unknown."""
        sizes = [segment.rows for segment in self.segments()]
        return 0 if None in sizes else sum(size or 0 for size in sizes)

    def layout(self, file: Path) -> Layout:
        """Return where the columns of ``file`` are.

        Raises:
            DataError: it cannot be used any more.
        """
        return lay_out(file, self.mapping, table=self.table, leave=OLD)

    def row(self, file: Path, index: int) -> int:
        """Return what people call the row at ``index`` of ``file``: its line, counted from one in Parquet."""
        return self.layout(file).lines([index])[index]

    def batches(self, segment: Segment) -> Iterator[pa.RecordBatch]:
        """Yield the rows from ``segment.first`` on (Parquet: to the segment's end; text: to the file's end).

        Columns are src, dst and the file's others as they are; an old fake_score is left out.

        Raises:
            DataError: the file is damaged or has broken rows, or an id is null or empty.
        """
        layout, at = self.layout(segment.path), segment.first
        names = ["src", "dst", *layout.sources[2:]]
        for batch in self._rows(layout, segment):
            refuse_bad_ids(layout, batch, at, any_size=True)
            at += batch.num_rows
            columns = [batch.column(name) for name in layout.sources]
            if self.kind is not None:
                columns[:2] = (written_as(column, self.kind) for column in columns[:2])
            yield pa.RecordBatch.from_arrays(columns, names)

    def _rows(self, layout: Layout, segment: Segment) -> Iterator[pa.RecordBatch]:
        rows = BATCH_ROWS if self.integers else TEXT_ID_BATCH_ROWS
        if layout.text is None:
            yield from layout.batches(rows, groups=segment.groups)
            return
        skip = segment.first
        for batch in layout.batches(rows):
            if skip < batch.num_rows:
                yield batch.slice(skip)
            skip = max(0, skip - batch.num_rows)


def _common(layouts: list[Layout]) -> pa.DataType | None:
    """Return a type that the ids of all files can be written in, None where they have one already."""
    kinds = {kind for layout in layouts for kind in layout.kinds}
    if all(layout.kinds == layouts[0].kinds for layout in layouts):
        return None
    return pa.int64() if all(pa.types.is_integer(kind) and kind != pa.uint64() for kind in kinds) else pa.string()


def _parquet_segments(path: Path) -> Iterator[Segment]:
    try:
        metadata = pq.read_metadata(path)
    except DAMAGED as error:
        raise unreadable(path, error) from None
    first, rows, groups = 0, 0, []
    for group in range(metadata.num_row_groups):
        rows += metadata.row_group(group).num_rows
        groups.append(group)
        if rows >= SEGMENT_ROWS or group == metadata.num_row_groups - 1:
            yield Segment(path, first, rows, tuple(groups))
            first, rows, groups = first + rows, 0, []
