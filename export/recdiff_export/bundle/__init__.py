"""The ONNX folder: its graphs, tables, manifest, and the parity they were written with.

Names load on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from recdiff_export.bundle.from_model import parts_of
    from recdiff_export.bundle.parts import Parts
    from recdiff_export.bundle.write import ExportReport, export_bundle

__all__ = ["ExportReport", "Parts", "export_bundle", "parts_of"]

_HOME = {"parts_of": "from_model", "export_bundle": "write", "ExportReport": "write", "Parts": "parts"}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
