"""What the folders that a part of a table lies in say of its rows: ``year=2024`` is a column ``year``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote

import pyarrow as pa

NONE = "__HIVE_DEFAULT_PARTITION__"
"""How engines spell a null in the name of a folder."""

Keys = Mapping[str, str | None]


def keys_of(table: Path, part: Path) -> dict[str, str | None]:
    """Return the value of each key that the folders between ``table`` and ``part`` name, from the outermost on."""
    pairs = [folder.partition("=") for folder in part.relative_to(table).parts[:-1]]
    return {unquote(name): None if text == NONE else unquote(text) for name, equals, text in pairs if name and equals}


def repeated(text: str | None, rows: int) -> pa.DictionaryArray:
    """Return a key's value for each of the rows of its part, (rows,) text coded by a dictionary."""
    codes = pa.nulls(rows, pa.int32()) if text is None else pa.repeat(pa.scalar(0, pa.int32()), rows)
    return pa.DictionaryArray.from_arrays(codes, pa.array([text or ""], pa.string()))
