"""Where streamed edges come from: Parquet, csv or tsv files, or a folder of them, cut into segments.

A segment is a run of rows of one file: what is finished, written and remembered as one. ``recdiff.data.edge_stream``
reads the same files where no model says what type ids have and nothing is resumed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from recdiff.data.columns import SOCIAL, resolve
from recdiff.data.ids import is_text
from recdiff.data.problems import Problem, data_error
from recdiff.data.text_file import COMPRESSIONS, delimiter_of
from recdiff.errors import DataError
from recdiff.storage.bounded import check_batches

# Rows of one segment; at about 20 bytes a row its output is at most 160 MB.
SEGMENT_ROWS = 1 << 23
BATCH_ROWS = 1 << 17
# Looking up text ids costs a fixed price per batch (Arrow hashes the model's ids each time).
TEXT_ID_BATCH_ROWS = 1 << 19
_TEXT_BLOCK = 1 << 22


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
    """The files to stream, their segments where these are known ahead, and the columns that are src and dst."""

    files: tuple[Path, ...]
    mapping: Mapping[str, str]
    integers: bool

    @classmethod
    def open(cls, path: Path, mapping: Mapping[str, str], *, integers: bool) -> EdgeSource:
        """Find the files at ``path``; ``integers`` says that the model's user ids are whole numbers.

        Raises:
            DataError: there is no such file, or a folder without any.
        """
        files = tuple(sorted(file for file in path.rglob("*") if _readable(file))) if path.is_dir() else (path,)
        if not path.exists():
            raise DataError(f"{path}: no such file or folder")
        if not files or not all(_readable(file) for file in files):
            raise DataError(f"{path}: no edges to read here; accepted: .parquet, .csv, .tsv (also .gz or .zst)")
        return cls(files, mapping, integers)

    def segments(self) -> Iterator[Segment]:
        """Yield all segments in order; a text file is one open-ended segment, to be cut while it is read.

        Raises:
            DataError: a Parquet file cannot be read.
        """
        for file in self.files:
            if file.suffix == ".parquet":
                yield from _parquet_segments(file)
            else:
                yield Segment(file, 0, None)

    def total_rows(self) -> int:
        """Return the number of rows, 0 where text files make it unknown."""
        sizes = [segment.rows for segment in self.segments()]
        return 0 if None in sizes else sum(size or 0 for size in sizes)

    def batches(self, segment: Segment) -> Iterator[pa.RecordBatch]:
        """Yield the rows from ``segment.first`` on (Parquet: to the segment's end; text: to the file's end).

        Columns are src, dst and the file's others as they are; an old fake_score is left out.

        Raises:
            DataError: the file is damaged, or a column is missing or has the wrong type.
        """
        try:
            if segment.path.suffix == ".parquet":
                yield from self._parquet(segment)
            else:
                yield from self._text(segment)
        except (pa.ArrowException, OSError) as error:
            raise data_error(segment.path, [Problem(f"cannot be read: {' '.join(str(error).split())}")]) from error

    def _parquet(self, segment: Segment) -> Iterator[pa.RecordBatch]:
        with pq.ParquetFile(segment.path) as file:
            names, others = self._columns(segment.path, file.schema_arrow.names)
            _check_types(segment.path, file.schema_arrow, names)
            # src and dst may be one column; each name is read once.
            wanted = list(dict.fromkeys([*names, *others]))
            rows = BATCH_ROWS if self.integers else TEXT_ID_BATCH_ROWS
            check_batches(segment.path, file, rows, segment.groups)
            for batch in file.iter_batches(rows, row_groups=list(segment.groups), columns=wanted):
                yield _renamed(batch, names, others)

    def _text(self, segment: Segment) -> Iterator[pa.RecordBatch]:
        header = _text_header(segment.path)
        names, others = self._columns(segment.path, header)
        kinds = dict.fromkeys(others, pa.string()) | dict.fromkeys(names, pa.int64() if self.integers else pa.string())
        skip = segment.first
        with pa.input_stream(str(segment.path), compression=COMPRESSIONS.get(segment.path.suffix)) as stream:
            for batch in pacsv.open_csv(
                stream,
                pacsv.ReadOptions(block_size=_TEXT_BLOCK, use_threads=False),
                pacsv.ParseOptions(delimiter=delimiter_of(segment.path)),
                pacsv.ConvertOptions(column_types=kinds, include_columns=list(kinds), strings_can_be_null=False),
            ):
                if skip >= batch.num_rows:
                    skip -= batch.num_rows
                    continue
                yield _renamed(batch.slice(skip), names, others)
                skip = 0

    def _columns(self, path: Path, header: Sequence[str]) -> tuple[list[str], list[str]]:
        """Return the file's names of src and dst, and its other columns."""
        mapping = {name: column for name, column in self.mapping.items() if name in ("src", "dst")}
        found, problems = resolve(header, SOCIAL, mapping)
        problems = [problem for problem in problems if "weight" not in found or problem.column != found["weight"]]
        if problems:
            raise data_error(path, problems)
        names = [found["src"], found["dst"]]
        return names, [column for column in header if column not in (*names, "fake_score", "src", "dst")]


def _readable(path: Path) -> bool:
    hidden = path.name.startswith((".", "_"))
    return path.is_file() and not hidden and (path.suffix == ".parquet" or delimiter_of(path) is not None)


def _parquet_segments(path: Path) -> Iterator[Segment]:
    try:
        metadata = pq.read_metadata(path)
    except (pa.ArrowException, OSError) as error:
        raise data_error(path, [Problem(f"not a readable Parquet file: {' '.join(str(error).split())}")]) from error
    first, rows, groups = 0, 0, []
    for group in range(metadata.num_row_groups):
        rows += metadata.row_group(group).num_rows
        groups.append(group)
        if rows >= SEGMENT_ROWS or group == metadata.num_row_groups - 1:
            yield Segment(path, first, rows, tuple(groups))
            first, rows, groups = first + rows, 0, []


def _check_types(path: Path, schema: pa.Schema, names: Sequence[str]) -> None:
    problems = []
    for name in names:
        kind = schema.field(name).type
        kind = kind.value_type if pa.types.is_dictionary(kind) else kind
        if not pa.types.is_integer(kind) and not is_text(kind):
            problems.append(Problem(f"has type {kind}; accepted: whole numbers or text", column=name))
    if problems:
        raise data_error(path, problems)


def _text_header(path: Path) -> list[str]:
    with pa.input_stream(str(path), compression=COMPRESSIONS.get(path.suffix)) as stream:
        reader = pacsv.open_csv(
            stream,
            pacsv.ReadOptions(block_size=_TEXT_BLOCK, use_threads=False),
            pacsv.ParseOptions(delimiter=delimiter_of(path)),
        )
        return list(reader.schema.names)


def _renamed(batch: pa.RecordBatch, names: Sequence[str], others: Sequence[str]) -> pa.RecordBatch:
    columns = [batch.column(name) for name in (*names, *others)]
    return pa.RecordBatch.from_arrays(columns, ["src", "dst", *others])
