"""From a folder that a command was given to a scorer; nothing here needs what a serving image leaves out."""

from __future__ import annotations

from pathlib import Path

from recdiff_export.bundle.manifest import BUNDLE, MANIFEST
from recdiff_export.runtime.provider import Provider
from recdiff_export.runtime.scorer import OnnxScorer

GRAPH = "scorer_by_id.onnx"


def open_bundle(folder: Path, provider: Provider = "auto", *, verify: bool = False) -> OnnxScorer:
    """Open ``folder``: a bundle, or a model folder, whose bundle is exported first where there is none.

    ``verify``: hash every file whole.
    """
    bundle = folder if (folder / GRAPH).is_file() else folder / BUNDLE
    if not (bundle / MANIFEST).is_file():
        # The whole package, torch included, is needed from here on.
        from recdiff_export.bundle.from_model import parts_of
        from recdiff_export.bundle.write import export_bundle

        export_bundle(parts_of(folder), bundle)
    return OnnxScorer.open(bundle, provider=provider, verify=verify)
