"""What a text format cannot hold, found before a line is written: nothing is changed in silence."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from recdiff_adapters.table import Pairs

# RE2 classes. White space is what Python's str.strip removes, since readers call it on whole lines.
WHITE_SPACE = r"[\t-\r\x1c-\x20\x85\xa0\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}]"
LINE_BREAK = r"[\r\n]"
NUL = r"\x00"
EMPTY = r"\A\z"
# XML 1.0 allows tab, line feed, carriage return and everything from space on, save U+FFFE and U+FFFF.
NOT_XML = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x{fffe}\x{ffff}]"


def text_names(pairs: Pairs) -> list[str]:
    """Return the names of the string columns."""
    types = (pa.types.is_string, pa.types.is_large_string)
    return [field.name for field in pairs.table.schema if any(check(field.type) for check in types)]


def refuse_ids(pairs: Pairs, pattern: str, reason: str) -> None:
    """Raise AdapterError naming the first id, column and row that matches a regular expression (RE2)."""
    _refuse(pairs, [name for name in text_names(pairs) if name in pairs.id_names], pattern, reason)


def refuse_text(pairs: Pairs, pattern: str, reason: str) -> None:
    """Raise AdapterError for the first string of any column, ids and evidence, that matches (RE2)."""
    _refuse(pairs, text_names(pairs), pattern, reason)


def _refuse(pairs: Pairs, names: list[str], pattern: str, reason: str) -> None:
    for name in names:
        pairs.refuse(name, pc.match_substring_regex(pairs.column(name), pattern), reason)
