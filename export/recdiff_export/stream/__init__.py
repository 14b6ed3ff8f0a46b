"""Score edges from files, part by part.

Names load on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from recdiff_export.stream.local import clean_stream, score_file

__all__ = ["clean_stream", "score_file"]

_HOME = {"clean_stream": "local", "score_file": "local"}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
