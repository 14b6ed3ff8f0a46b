"""Small tables that people write into, row by row with the lines they stand on."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from recdiff.data.problems import Problem, data_error


def csv_rows(
    file: Path, text: str, needed: Sequence[str], expected: str
) -> Iterator[tuple[int, dict[str, str] | None]]:
    """Yield the line that each row of ``text``, the content of ``file``, begins on, and its values by column.

    A row with more or fewer fields than the header comes as None.

    Args:
        needed: columns that must be there. expected: what a file without them is told to be.

    Raises:
        DataError: a column is missing, or the text is no CSV.
    """
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        missing = [name for name in needed if name not in (reader.fieldnames or ())]
        if missing:
            raise data_error(file, [Problem(f"has no column {missing[0]!r}; expected {expected}", 1)])
        before = reader.line_num
        for row in reader:
            line, before = before + 1, reader.line_num
            yield line, None if None in row or None in row.values() else row
    except csv.Error as error:
        raise data_error(file, [Problem(f"is no CSV: {error}", reader.line_num)]) from None
