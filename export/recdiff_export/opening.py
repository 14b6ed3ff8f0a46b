"""From a folder that a command was given to a scorer; nothing here needs what a serving image leaves out."""

from __future__ import annotations

from pathlib import Path

from recdiff.storage.manifest import BUNDLE, MANIFEST
from recdiff_export.bundle.names import FAKE_SCORE_FILE, SCORER_BY_ID_FILE, TABLE_FILE
from recdiff_export.runtime.provider import Provider
from recdiff_export.runtime.scorer import OnnxScorer

# What tells a bundle from a model folder, even where some of it is missing.
_SIGNS = (FAKE_SCORE_FILE, SCORER_BY_ID_FILE, TABLE_FILE)


def open_bundle(folder: Path, provider: Provider = "auto", *, verify: bool = False) -> OnnxScorer:
    """Open ``folder``: a bundle, or a model folder, whose bundle is exported first where there is none.

    ``verify``: hash every file whole.
    """
    if any((folder / name).exists() for name in _SIGNS):
        return OnnxScorer.open(folder, provider=provider, verify=verify)
    bundle = folder / BUNDLE
    if not (bundle / MANIFEST).is_file():
        # The whole package, torch included, is needed from here on.
        from recdiff_export.bundle.from_model import parts_of
        from recdiff_export.bundle.write import export_bundle

        export_bundle(parts_of(folder), bundle)
    return OnnxScorer.open(bundle, provider=provider, verify=verify)
