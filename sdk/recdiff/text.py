"""Read csv, tsv and RecBole text files: fast when they are sound, exact about rows when they are not."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from recdiff.problems import SHOWN, Problem, data_error, shorten

DELIMITERS = {".csv": ",", ".tsv": "\t", ".inter": "\t", ".net": "\t"}
COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}

_BOM = b"\xef\xbb\xbf"
_BLOCK = 1 << 22
"""Bytes parsed at once; a row must fit."""

Chooser = Callable[[Sequence[str]], tuple[dict[str, str], list[Problem]]]


@dataclass(frozen=True)
class TextTable:
    """The chosen columns of a text file, as dictionary-coded strings.

    Attributes:
        header: all column names, as spelled.
        names: canonical name -> column name.
        columns: canonical name -> its values, in the rows that have the right number of fields.
        problems: what is wrong with the header or with the shape of rows.
        lines: maps indices of rows in ``columns`` to line numbers in the file.
    """

    header: tuple[str, ...]
    names: Mapping[str, str]
    columns: Mapping[str, pa.ChunkedArray]
    problems: Sequence[Problem]
    lines: Callable[[Sequence[int]], dict[int, int]]


def delimiter_of(path: Path) -> str | None:
    """Return what separates fields in a file of this name, or None where it is no text table."""
    suffixes = path.suffixes
    if suffixes and suffixes[-1] in COMPRESSIONS:
        suffixes = suffixes[:-1]
    return DELIMITERS.get(suffixes[-1]) if suffixes else None


def read_text(path: Path, choose: Chooser) -> TextTable:
    """Read the columns that ``choose`` picks from the header.

    Raises:
        DataError: the file cannot be read at all: empty, damaged, not UTF-8, or a header without the columns.
    """
    delimiter = delimiter_of(path)
    assert delimiter is not None
    data = _load(path)
    _refuse_other_encodings(path, data)
    header = _header(path, data, delimiter)
    if not header:
        raise data_error(path, [Problem("the file holds blank lines only; it needs a header and rows")])
    names, problems = choose(header)
    if problems:
        raise data_error(path, [*problems, *_Scan.of(data, delimiter, len(header), ()).problems])
    columns, sound = _parse(path, data, delimiter, header, names)
    broken = () if sound else _Scan.of(data, delimiter, len(header), ()).problems
    if not sound and not broken:
        broken = (Problem("rows cannot be told apart; check quotes and line ends"),)
    return TextTable(
        header,
        names,
        columns,
        broken,
        lambda indices: _Scan.of(data, delimiter, len(header), indices).lines,
    )


def _load(path: Path) -> bytes:
    """Return the file's bytes, decompressed, without a byte order mark."""
    try:
        with pa.input_stream(str(path), compression=COMPRESSIONS.get(path.suffix)) as stream:
            data = bytes(stream.read())
    except (OSError, pa.ArrowException) as error:
        raise data_error(path, [Problem(f"the file cannot be read: {' '.join(str(error).split())}")]) from None
    if not data:
        raise data_error(path, [Problem("the file is empty; it needs a header and rows")])
    return data.removeprefix(_BOM)


def _refuse_other_encodings(path: Path, data: bytes) -> None:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise data_error(path, [Problem("the file is UTF-16; save it as UTF-8")])
    ends = pa.py_buffer(np.array([0, len(data)], np.int64))
    try:
        pa.LargeStringArray.from_buffers(1, ends, pa.py_buffer(data)).validate(full=True)
    except pa.ArrowInvalid:
        raise data_error(path, *_not_utf8(data)) from None


def _not_utf8(data: bytes) -> tuple[list[Problem], int]:
    problems, total = [], 0
    for number, line in enumerate(data.splitlines(), start=1):
        try:
            line.decode()
        except UnicodeDecodeError as error:
            total += 1
            bad = line[error.start : error.end].hex(" ")
            if total <= SHOWN:
                problems.append(Problem(f"bytes {bad} at byte {error.start + 1} are not UTF-8; save as UTF-8", number))
    return problems, total


def _header(path: Path, data: bytes, delimiter: str) -> tuple[str, ...]:
    try:
        return next((tuple(fields) for _, fields in _records(data, delimiter)), ())
    except _OpenQuoteError as quote:
        raise data_error(path, [quote.problem()]) from None


def _parse(
    path: Path, data: bytes, delimiter: str, header: Sequence[str], names: Mapping[str, str]
) -> tuple[dict[str, pa.ChunkedArray], bool]:
    """Return the columns and whether every row had as many fields as the header."""
    sound = True

    def skip(row: pacsv.InvalidRow) -> str:
        nonlocal sound
        sound = False
        return "skip"

    # A quote left open would swallow the rest of the file: then it swallows this last row too, and that shows.
    quoted = b'"' in data
    last = b"\n" + delimiter.join(['"."'] * len(header)).encode() + b"\n" if quoted else b""
    coded = pa.dictionary(pa.int32(), pa.string())
    wanted = list(dict.fromkeys(names.values()))
    try:
        table = pacsv.read_csv(
            pa.BufferReader(data + last if quoted else data),
            read_options=pacsv.ReadOptions(block_size=_BLOCK),
            parse_options=pacsv.ParseOptions(delimiter=delimiter, newlines_in_values=quoted, invalid_row_handler=skip),
            convert_options=pacsv.ConvertOptions(
                column_types=dict.fromkeys(wanted, coded), include_columns=wanted, strings_can_be_null=False
            ),
        )
    except pa.ArrowException as error:
        problems = _Scan.of(data, delimiter, len(header), ()).problems
        raise data_error(path, problems or [Problem(" ".join(str(error).split()))]) from None
    if quoted:
        sound = sound and table.num_rows > 0 and all(table[name][-1].as_py() == "." for name in wanted)
        table = table.slice(0, max(table.num_rows - 1, 0))
    return {name: table.column(column) for name, column in names.items()}, sound


@dataclass(frozen=True)
class _Scan:
    """A slow, exact second reading, made only once something is known to be wrong."""

    problems: tuple[Problem, ...] = ()
    lines: dict[int, int] = field(default_factory=dict)

    @classmethod
    def of(cls, data: bytes, delimiter: str, width: int, indices: Sequence[int]) -> _Scan:
        """Name rows without ``width`` fields and find the lines of the sound rows at ``indices``."""
        problems: list[Problem] = []
        lines: dict[int, int] = {}
        wanted = set(indices)
        index, line = -1, 1
        try:
            for number, (line, fields) in enumerate(_records(data, delimiter)):
                if number == 0:
                    continue
                if len(fields) != width:
                    problems.append(_wrong_width(line, fields, width, delimiter))
                    continue
                index += 1
                if index in wanted:
                    lines[index] = line
        except _OpenQuoteError as quote:
            problems = [problem for problem in problems if problem.row != quote.line]
            problems.append(quote.problem())
        return cls(tuple(problems), lines)


class _OpenQuoteError(Exception):
    """The row at ``line`` opens a quote that nothing closes."""

    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line

    def problem(self) -> Problem:
        text = f"a quote opened here is never closed, or its field is longer than {csv.field_size_limit()} characters"
        return Problem(text, row=self.line)


def _wrong_width(line: int, fields: Sequence[str], width: int, delimiter: str) -> Problem:
    word = "few" if len(fields) < width else "many"
    text = shorten(delimiter.join(fields))
    return Problem(f"{text} has too {word} fields: {len(fields)}, and the header has {width}", row=line)


def _records(data: bytes, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield (line where the row starts, its fields) of every row that is not blank.

    Raises:
        _OpenQuoteError: after the last row, when that row's quote is still open.
    """
    taken: list[str] = []

    def lines() -> Iterator[str]:
        for text in io.TextIOWrapper(io.BytesIO(data), encoding="utf-8", newline=""):
            taken.append(text)
            yield text

    reader = csv.reader(lines(), delimiter=delimiter)
    line = 1
    while True:
        try:
            fields = next(reader, None)
        except csv.Error:
            raise _OpenQuoteError(line) from None
        if fields is None:
            return
        if fields:
            yield line, fields
        if len(taken) > 1 or not taken[-1].endswith(("\n", "\r")):
            _refuse_open_quote(taken, delimiter, line)
        taken.clear()
        line = reader.line_num + 1


def _refuse_open_quote(row: Sequence[str], delimiter: str, line: int) -> None:
    try:
        list(csv.reader(row, delimiter=delimiter, strict=True))
    except csv.Error as error:
        if "unexpected end" in str(error):
            raise _OpenQuoteError(line) from None
