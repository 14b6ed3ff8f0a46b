"""Result files with one cell a line: small, and a changed cell is a changed line."""

from __future__ import annotations

import json
from typing import Any


def one_a_line(value: Any, depth: int = 2) -> str:
    """Return ``value`` as JSON; what lies ``depth`` levels down stands on one line each."""
    if depth and isinstance(value, dict) and value:
        inner = ",\n".join(f"{json.dumps(str(key))}: {one_a_line(value[key], depth - 1)}" for key in sorted(value))
        return f"{{\n{inner}\n}}"
    if depth and isinstance(value, list) and value:
        return "[\n" + ",\n".join(one_a_line(each, depth - 1) for each in value) + "\n]"
    return json.dumps(value, sort_keys=True, ensure_ascii=False)
