"""Read csv, tsv and RecBole text files: fast where they are sound, exact about rows where they are not."""

from __future__ import annotations

import codecs
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, cast

import pyarrow as pa
import pyarrow.csv as pacsv

from recdiff.data.columns import Schema, headless, names_columns
from recdiff.data.exact_scan import OpenQuoteError, Scan, last_comment, records, scan
from recdiff.data.problems import COUNTED, SHOWN, Problem, data_error
from recdiff.errors import DataError
from recdiff.machine.memory import most, too_large
from recdiff.storage.bounded import MOST_COLUMNS

DELIMITERS = {".csv": ",", ".tsv": "\t", ".inter": "\t", ".net": "\t"}
COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}

_BLOCK = 1 << 22
"""Bytes parsed at once; a row must fit."""
_LAST = "."
"""Every field of a row added at the end: a quote left open swallows it, and that shows."""


@dataclass(frozen=True)
class TextFile:
    """A text table whose header has been read.

    Attributes:
        path: the file.
        delimiter: what separates fields.
        header: the column names, as spelled.
        headless: the table's first line is a row, and the columns are called 0, 1, ...
        above: lines of comment above the table, and the blank ones among them.
    """

    path: Path
    delimiter: str
    header: tuple[str, ...]
    headless: bool = False
    above: int = 0

    @classmethod
    def of(cls, path: Path) -> TextFile:
        """Read the header of the file at ``path``.

        Raises:
            DataError: the file is empty, damaged, or holds no header.
        """
        delimiter = delimiter_of(path)
        if delimiter is None:
            raise data_error(path, [Problem("is no text table; accepted: .csv, .tsv, .inter, .net, also .gz or .zst")])
        with _opened(path) as stream:
            start = stream.read(2)
            if not start:
                raise data_error(path, [Problem("the file is empty; it needs a header and rows")])
            if start in (b"\xff\xfe", b"\xfe\xff"):
                raise data_error(path, [Problem("the file is UTF-16; save it as UTF-8")])
        above, header = _header(path, delimiter)
        if header is None:
            raise data_error(path, [Problem("the file holds blank lines only; it needs a header and rows")])
        if len(header) > MOST_COLUMNS:
            problem = Problem(f"the header has {len(header):,} fields; accepted are at most {MOST_COLUMNS:,}")
            raise data_error(path, [problem])
        text = cls(path, delimiter, tuple(header), above=above)
        if any(column.encode(errors="replace").decode() != column for column in header):
            raise text.broken()
        return text

    def by(self, schema: Schema, mapping: Mapping[str, str]) -> TextFile:
        """Return the file as ``mapping`` says: where it counts columns, the first line is a row.

        Raises:
            DataError: that leaves a doubt.
        """
        found = headless(self.header, schema, mapping)
        if isinstance(found, Problem):
            raise data_error(self.path, [found])
        if not found:
            return self
        with _opened(self.path) as stream:
            above = last_comment(stream)
        return replace(self, header=tuple(map(str, range(len(self.header)))), headless=True, above=above)

    def scan(self, indices: Sequence[int] = (), most: int = SHOWN) -> Scan:
        """Read the whole file slowly and exactly; tell ``most`` broken rows."""
        with _opened(self.path) as stream:
            how: dict[str, Any] = {"above": self.above, "headless": self.headless, "most": most}
            return scan(stream, self.delimiter, len(self.header), indices, **how)

    def batches(
        self, columns: Sequence[str], kind: pa.DataType, on_broken: Callable[[], None] | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Yield the file's rows, a few MB at a time, with ``columns`` as ``kind`` (string or a dictionary of it).

        Args:
            columns: names from the header.
            kind: their type.
            on_broken: called where rows have the wrong number of fields or a quote is left open; such rows are left
                out. Without it they are an error.

        Raises:
            DataError: the file is damaged or not UTF-8, or has broken rows.
        """
        broken = 0

        def skip(row: Any) -> str:
            nonlocal broken
            broken += 1
            return "skip" if broken < COUNTED else "error"

        held: pa.RecordBatch | None = None
        try:
            with _opened(self.path) as stream:
                for batch in self._reader(stream, columns, kind, skip):
                    if held is not None and held.num_rows:
                        yield held
                    held = batch
                    if broken and on_broken is None:
                        raise self.broken()
        except (pa.ArrowException, UnicodeDecodeError) as error:
            raise self.broken(error) from None
        rows = held.num_rows if held is not None else 0
        complete = (
            held is not None and rows > 0 and all(held.column(name)[rows - 1].as_py() == _LAST for name in columns)
        )
        if broken or not complete:
            if on_broken is None:
                raise self.broken()
            on_broken()
        if held is not None and rows > complete:
            yield held.slice(0, rows - complete)

    def broken(self, error: Exception | None = None) -> DataError:
        """Return the error that names every broken row, or repeats ``error`` where none is found."""
        exact = self.scan()
        reason = " ".join(str(error).split()) if error else "rows cannot be told apart; check quotes and line ends"
        return data_error(self.path, exact.problems or [Problem(reason)], exact.total)

    def _reader(
        self, stream: BinaryIO, columns: Sequence[str], kind: pa.DataType, skip: Callable[[Any], str]
    ) -> Iterator[pa.RecordBatch]:
        last = self.delimiter.join([f'"{_LAST}"'] * len(self.header))
        reader = pacsv.open_csv(
            _Followed(stream, f"\n{last}\n".encode()),
            read_options=pacsv.ReadOptions(
                block_size=_BLOCK, skip_rows=self.above, column_names=list(self.header) if self.headless else None
            ),
            parse_options=pacsv.ParseOptions(
                delimiter=self.delimiter, newlines_in_values=True, invalid_row_handler=skip
            ),
            convert_options=pacsv.ConvertOptions(
                column_types=dict.fromkeys(columns, kind),
                include_columns=list(columns),
                strings_can_be_null=False,
                check_utf8=False,
            ),
        )
        return cast(Iterator[pa.RecordBatch], iter(reader))


def is_parquet(path: Path) -> bool:
    """Say whether a file of this name is Parquet rather than text."""
    return path.suffix.lower() == ".parquet"


def delimiter_of(path: Path) -> str | None:
    """Return what separates fields in a file of this name, or None where it is no text table."""
    suffixes = [suffix.lower() for suffix in path.suffixes[-2:]]
    if suffixes and suffixes[-1] in COMPRESSIONS:
        suffixes = suffixes[:-1]
    return DELIMITERS.get(suffixes[-1]) if suffixes else None


def _header(path: Path, delimiter: str) -> tuple[int, list[str] | None]:
    """Return how many lines lie above the table of ``path``, and the fields of its first one, None without any.

    The last line of comment is the table's header where it is as wide as the row below it and that row names no column.
    """
    try:
        with _opened(path) as stream:
            last = last_comment(stream)
        above = max(last - 1, 0)
        with _opened(path) as stream:
            found = [fields for _, fields in islice(records(stream, delimiter, above), 1 + bool(last))]
    except OpenQuoteError as quote:
        raise data_error(path, [quote.problem()]) from None
    if len(found) == 2 and (len(found[0]) != len(found[1]) or names_columns(found[1])):
        return last, found[1]
    return above, found[0] if found else None


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """Open ``path`` for reading, decompressed; a damaged stream is a DataError."""
    try:
        packed = COMPRESSIONS.get(path.suffix.lower())
        with pa.input_stream(str(path), compression=packed) as stream:
            yield cast(BinaryIO, _Unpacked(stream, path)) if packed else stream
    except OSError as error:
        raise data_error(path, [Problem(f"the file cannot be read: {' '.join(str(error).split())}")]) from None


class _Unpacked(io.RawIOBase):
    """A decompressed stream that ends in an error once it has given more than memory may hold."""

    def __init__(self, stream: BinaryIO, path: Path) -> None:
        super().__init__()
        self._stream, self._path, self._left = stream, path, most()

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(min(size, self._left + 1) if size >= 0 else self._left + 1)
        self._left -= len(data)
        if self._left < 0:
            raise too_large(self._path, most(), "what it unpacks to")
        return data


class _Followed(io.RawIOBase):
    """A stream of UTF-8, checked as it is read, with a few bytes more at its end."""

    def __init__(self, stream: BinaryIO, more: bytes) -> None:
        super().__init__()
        self._stream, self._more = stream, more
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size) if size >= 0 else self._stream.read()
        # A short read is the last one; the parser takes each read for a block, so the two go together.
        if size < 0 or len(data) < size:
            data, self._more = data + self._more, b""
        # Columns that are not asked for are checked here too.
        self._decoder.decode(data)
        return data
