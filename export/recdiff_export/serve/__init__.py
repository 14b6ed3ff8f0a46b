"""A bundle behind HTTP.

Names load on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from recdiff_export.serve.app import create_app
    from recdiff_export.serve.options import ServeOptions
    from recdiff_export.serve.server import serve

__all__ = ["ServeOptions", "create_app", "serve"]

_HOME = {"ServeOptions": "options", "create_app": "app", "serve": "server"}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
