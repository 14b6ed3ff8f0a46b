"""ONNX bundles: export one from a fitted model, score with it without torch, serve it.

Names are loaded when they are first used, so that a serving process imports the runtime and nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from recdiff.lazy import lazily

if TYPE_CHECKING:
    from recdiff_export.bundle.parts import Parts
    from recdiff_export.bundle.write import ExportReport, export_bundle
    from recdiff_export.runtime.scorer import OnnxScorer

__all__ = ["ExportReport", "OnnxScorer", "Parts", "export_bundle"]

__getattr__ = lazily(
    __name__,
    {
        "ExportReport": "bundle.write",
        "OnnxScorer": "runtime.scorer",
        "Parts": "bundle.parts",
        "export_bundle": "bundle.write",
    },
)


def __dir__() -> list[str]:
    return __all__
