"""Result files with one cell a line: small, and a changed cell is a changed line."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def asks(doc: str | None, sets: Sequence[str], seeds: Sequence[int]) -> ArgumentParser:
    """Return what a script is asked with: where the data are, where results go, which sets, and which seeds."""
    parser = ArgumentParser(description=doc)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--sets", nargs="+", default=sets)
    parser.add_argument("--seeds", nargs="+", type=int, default=seeds)
    return parser


def kept(file: Path) -> dict[str, Any]:
    """Return the cells that earlier runs left in ``file``."""
    found: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    return found


def one_a_line(value: Any, depth: int = 2) -> str:
    """Return ``value`` as JSON; what lies ``depth`` levels down stands on one line each."""
    if depth and isinstance(value, dict) and value:
        inner = ",\n".join(f"{json.dumps(str(key))}: {one_a_line(value[key], depth - 1)}" for key in sorted(value))
        return f"{{\n{inner}\n}}"
    if depth and isinstance(value, list) and value:
        return "[\n" + ",\n".join(one_a_line(each, depth - 1) for each in value) + "\n]"
    return json.dumps(value, sort_keys=True, ensure_ascii=False)
