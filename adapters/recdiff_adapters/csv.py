"""CSV: a header, commas, strings always in quotes, numbers never; a null is an empty field without quotes."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from recdiff_adapters.output import FilePath, whole_file
from recdiff_adapters.proof import csv_of
from recdiff_adapters.table import read_pairs
from recdiff_adapters.text import NUL, refuse_text, text_names

_ROWS = 65_536
# What a spreadsheet takes for the start of a formula, and the quote itself, so that taking one quote off
# every string that starts with one gives the strings back.
_FORMULA = r"\A(['=+\-@\t\r\n＝＋－＠])"


def to_csv(table: pa.Table, path: FilePath, *, escape_formulas: bool = False, force: bool = False) -> Path:
    """Write a CSV file (UTF-8) and return its path.

    Strings are quoted, so that ``"007"`` is told from ``7`` and ``""`` from null by readers that look.
    ``escape_formulas`` puts a ``'`` before strings that a spreadsheet would run, and before those that
    start with one. Raises AdapterError for a bad table or a NUL character.
    """
    pairs = read_pairs(table)
    refuse_text(pairs, NUL, "CSV cannot hold a NUL character; use parquet")
    rows = pairs.table
    if escape_formulas:
        for name in text_names(pairs):
            column = pc.replace_substring_regex(rows.column(name), _FORMULA, r"'\1")
            rows = rows.set_column(rows.column_names.index(name), name, column)
    with whole_file(path, csv_of(pairs.kind), force=force) as temporary, temporary.open("wb") as file:
        file.write(csv_header(rows.column_names))
        file.writelines(csv_blocks(rows))
    return Path(path)


def csv_header(names: list[str]) -> bytes:
    """Return the header line; a name is quoted only where it must be."""
    line = io.StringIO(newline="")
    csv.writer(line, lineterminator="\n").writerow(names)
    return line.getvalue().encode()


def csv_blocks(table: pa.Table) -> Iterator[bytes]:
    """Yield the rows as CSV in blocks of whole lines, without a header."""
    options = arrow_csv.WriteOptions(include_header=False, quoting_style="needed")
    for batch in table.to_batches(max_chunksize=_ROWS):
        sink = pa.BufferOutputStream()
        arrow_csv.write_csv(pa.Table.from_batches([batch]), sink, options)
        yield sink.getvalue().to_pybytes()
