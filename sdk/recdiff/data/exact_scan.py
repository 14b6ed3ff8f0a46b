"""A slow, exact reading of a text table, made only once something is known to be wrong with it."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

from recdiff.data.problems import COUNTED, SHOWN, Problem, shorten

LONGEST_ROW = 1 << 22
"""Bytes that a row may take, with the blank lines before it: what no row ends is not gathered for ever."""

_COMMENT = re.compile(r"#(#|\s|$)")


@dataclass(frozen=True)
class Scan:
    """What an exact reading found.

    Attributes:
        problems: rows of the wrong width, bytes that are not UTF-8, a quote left open; the first few.
        total: how many there are.
        lines: line in the file of each row that was asked for, by its index among rows of the right width.
        raw: the text of the rows that were asked for and of the broken ones, by line.
        whole: every row ends: no fault says anything about the rows after it.
    """

    problems: list[Problem] = field(default_factory=list)
    total: int = 0
    lines: dict[int, int] = field(default_factory=dict)
    raw: dict[int, str] = field(default_factory=dict)
    whole: bool = True


class OpenQuoteError(Exception):
    """The row that starts at ``line`` opens a quote that nothing closes."""

    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line

    def problem(self) -> Problem:
        """Say so."""
        limit = csv.field_size_limit()
        return Problem(f"a quote opened here is never closed, or its field is longer than {limit} bytes", self.line)


class EndlessRowError(OpenQuoteError):
    """The row that starts at ``line`` goes on and on, or nothing but blank lines and comment follows."""

    def problem(self) -> Problem:
        """Say so."""
        return Problem(
            f"no row ends within the {LONGEST_ROW:,} bytes that begin here; check line breaks and quotes", self.line
        )


def scan(
    stream: BinaryIO,
    delimiter: str,
    width: int,
    indices: Sequence[int] = (),
    *,
    above: int = 0,
    headless: bool = False,
    most: int = SHOWN,
) -> Scan:
    """Read ``stream`` row by row: name those that are broken, find the lines of the sound ones at ``indices``.

    Args:
        above: lines above the table, which are no part of it.
        headless: the table's first line is a row.
        most: broken rows that are told; the rest are counted.
    """
    raw: dict[int, str] = {}
    found: list[Problem] = []
    lines: dict[int, int] = {}
    wanted, index, total = set(indices), -1, 0
    try:
        for number, (line, fields) in enumerate(records(stream, delimiter, above), int(headless)):
            problem = _broken(line, fields, width, delimiter, header=number == 0)
            if problem is not None:
                total += 1
                if total <= most:
                    found.append(problem)
                    raw[line] = _row_text(fields, delimiter)
                if total >= COUNTED:
                    break
            elif number:
                index += 1
                if index in wanted:
                    lines[index] = line
                    raw[line] = _row_text(fields, delimiter)
    except OpenQuoteError as quote:
        # The row it swallowed has the wrong width too; that says less.
        total += not any(problem.row == quote.line for problem in found)
        found = [problem for problem in found if problem.row != quote.line] + [quote.problem()]
        return Scan(found, total, lines, raw, whole=False)
    return Scan(found, total, lines, raw)


def last_comment(stream: BinaryIO) -> int:
    """Return the number of the last line of comment above the table, the first line being 1; 0 where there is none.

    Such a line begins with # and a blank, or with more than one #, or is # alone: an id such as #7 begins none.

    Raises:
        EndlessRowError: nothing but comment and blank lines comes, for longer than a row may be.
    """
    text, number, last, size = _text(stream), 0, 0, 0
    while line := text.readline(LONGEST_ROW):
        number += 1
        size += len(line)
        if _COMMENT.match(line):
            last = number
        elif line.strip():
            break
        if size > LONGEST_ROW:
            raise EndlessRowError(1)
    return last


def records(stream: BinaryIO, delimiter: str, above: int = 0) -> Iterator[tuple[int, list[str]]]:
    """Yield (line where the row starts, its fields) of every row that is not blank, below the first ``above`` lines.

    Bytes that are not UTF-8 come as lone surrogates. A byte order mark is dropped.

    Raises:
        OpenQuoteError: after the last row, when that row's quote is still open, or where a row does not end.
    """
    taken: list[str] = []
    size, line, start = 0, above + 1, above + 1

    def lines() -> Iterator[str]:
        nonlocal size
        text = _text(stream)
        for _ in range(above):
            text.readline()
        while piece := text.readline(LONGEST_ROW - size + 1):
            size += len(piece)
            if size > LONGEST_ROW:
                raise EndlessRowError(line)
            taken.append(piece)
            yield piece

    reader = csv.reader(lines(), delimiter=delimiter)
    last: list[str] = []
    while True:
        try:
            fields = next(reader, None)
        except csv.Error:
            raise OpenQuoteError(line) from None
        if fields is None:
            return _refuse_open_quote(last, delimiter, start)
        if fields:
            size = 0
            yield line, fields
        last, start = list(taken), line
        taken.clear()
        line = above + reader.line_num + 1


def _text(stream: BinaryIO) -> io.TextIOWrapper:
    return io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="")


def _refuse_open_quote(row: Sequence[str], delimiter: str, line: int) -> None:
    try:
        list(csv.reader(row, delimiter=delimiter, strict=True))
    except csv.Error as error:
        if "unexpected end" in str(error):
            raise OpenQuoteError(line) from None


def _row_text(fields: Sequence[str], delimiter: str) -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator="").writerow(fields)
    return text.getvalue()


def _broken(line: int, fields: Sequence[str], width: int, delimiter: str, *, header: bool) -> Problem | None:
    text = delimiter.join(fields)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        bad = text[error.start : error.end].encode(errors="surrogateescape").hex(" ")
        return Problem(f"bytes {bad} are not UTF-8; save the file as UTF-8", row=line)
    if header or len(fields) == width:
        return None
    word = "few" if len(fields) < width else "many"
    return Problem(f"{shorten(text)} has too {word} fields: {len(fields)}, and the header has {width}", row=line)
