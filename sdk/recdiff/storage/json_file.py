"""JSON files: those that we write are the same for the same values, those that we read may be anybody's.

Their size and nesting are bounded.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from recdiff.machine.memory import bytes_within

MOST_BYTES = 64 << 20


def read_json(file: Path) -> Any:
    """Return the value that the JSON file spells.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no JSON in UTF-8, is nested too deep, or is larger than ``MOST_BYTES``.
    """
    return parse_json(bytes_within(file, MOST_BYTES))


def parse_json(content: str | bytes) -> Any:
    """Return the value that JSON spells.

    Raises:
        ValueError: it is none, or is nested too deep.
    """
    try:
        return json.loads(content if isinstance(content, str) else content.decode("utf-8"))
    except RecursionError:
        raise ValueError("nested too deep") from None


def write_json(file: Path, value: Any) -> None:
    """Write ``value`` as JSON in UTF-8, the same bytes for the same value.

    Raises:
        ValueError: a number in it is not finite.
    """
    text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    file.write_text(text + "\n", encoding="utf-8")
