"""JSON Lines: one object per row."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from recdiff_adapters.output import FilePath, whole_file
from recdiff_adapters.proof import jsonl_of
from recdiff_adapters.table import Pairs, read_pairs

_ROWS = 65_536


def to_jsonl(table: pa.Table, path: FilePath, *, force: bool = False) -> Path:
    """Write one JSON object per line (UTF-8) and return the path.

    Raises AdapterError for a bad table, or a number that JSON has no word for (nan, infinity).
    """
    pairs = read_pairs(table)
    _refuse_unfinite(pairs)
    encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, check_circular=False).encode
    names = pairs.table.column_names
    place = whole_file(path, jsonl_of(pairs.kind), force=force)
    with place as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        for batch in pairs.table.to_batches(max_chunksize=_ROWS):
            rows = zip(*(column.to_pylist() for column in batch.columns), strict=True)
            file.writelines(f"{encode(dict(zip(names, row, strict=True)))}\n" for row in rows)
    return Path(path)


def _refuse_unfinite(pairs: Pairs) -> None:
    for field in pairs.table.schema:
        if pa.types.is_floating(field.type):
            finite = pc.is_finite(pairs.column(field.name))
            pairs.refuse(field.name, pc.invert(finite), "JSON has no such number")
