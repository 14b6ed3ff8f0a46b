"""The ONNX folder: its graphs, tables, manifest, and the parity they were written with.

Names load on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from recdiff.lazy import lazily

if TYPE_CHECKING:
    from recdiff_export.bundle.from_model import parts_of
    from recdiff_export.bundle.parts import Parts
    from recdiff_export.bundle.write import ExportReport, export_bundle

__all__ = ["ExportReport", "Parts", "export_bundle", "parts_of"]

__getattr__ = lazily(
    __name__, {"parts_of": "from_model", "export_bundle": "write", "ExportReport": "write", "Parts": "parts"}
)
