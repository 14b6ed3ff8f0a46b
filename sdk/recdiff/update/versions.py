"""A model folder that is updated, and the way back: what was there before stays beside it as NAME.v1, NAME.v2, ...

Each is a model folder of its own. An updated model notes the hash of the manifest of the one that it was made of.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from recdiff.data.notice import Notice
from recdiff.errors import UsageError
from recdiff.model.checked import fitted_of
from recdiff.model.folder import Artifact, manifest_of, read_artifact, verified, write_artifact
from recdiff.storage.manifest import BUNDLE, sha256
from recdiff.storage.whole import linked_copy, removed_folder, replaced_folder
from recdiff.update.drift import NOTED
from recdiff.update.grown import updated

OF = "of"
"""Which model an updated one was made of, by the hash of its manifest."""


@dataclass(frozen=True)
class Update:
    """What an update did to a folder.

    Attributes:
        kept: where the model before lies; None where there was nothing new, and so nothing was written.
        facts: of everything since the fit, see ``drift.drift_of``; empty where nothing has ever come.
        notices: what was left out. unbundled: a bundle held the old scores and is gone.
    """

    kept: Path | None
    facts: Mapping[str, Any]
    notices: tuple[Notice, ...]
    unbundled: bool = False


def update_folder(folder: Path, edges: Any, interactions: Any, mapping: Mapping[str, str] | None = None) -> Update:
    """Put a model with new edges and interactions in the place of the one in ``folder``, which stays beside it.

    Args: see ``given.held_against``.

    Raises:
        ArtifactError: there is no model, or it fails its verification.
        DataError, UsageError: the data or the model cannot be used, see ``grown.updated``.
        WriteError: the place cannot be written; the model is then as it was.
    """
    before = manifest_of(folder)
    artifact = read_artifact(folder)
    fitted = fitted_of(folder, artifact)
    made, given = updated(fitted, artifact.config, edges, interactions, mapping)
    if given.empty:
        return Update(None, fitted.calibration.get(NOTED, {}), given.notices)
    facts = {**made.calibration[NOTED], OF: sha256(before)}
    made = replace(made, calibration={**made.calibration, NOTED: facts})
    bundled = (folder / BUNDLE).is_dir()
    kept = _replaced(folder, made.to_artifact(artifact.config), before)
    return Update(kept, facts, given.notices, bundled)


def _replaced(folder: Path, artifact: Artifact, before: bytes) -> Path:
    """Write the model and return where the one before lies, whose manifest is ``before``."""
    kept: list[Path] = []
    write_artifact(folder, artifact, before, complete=lambda: kept.append(_keep(folder.resolve(), before)))
    return _beside(folder, kept[0])


def _keep(folder: Path, manifest: bytes) -> Path:
    """Have the model lie beside ``folder`` too, unless it does already, and return where."""
    held = _versions(folder)
    for place in held.values():
        if manifest_of(place) == manifest:
            return place
    place = folder.with_name(f"{folder.name}.v{max(held, default=0) + 1}")
    linked_copy(folder, place)
    return place


def _versions(folder: Path) -> dict[int, Path]:
    """Return what lies beside ``folder`` under the names of versions, by number."""
    name = re.compile(rf"{re.escape(folder.name)}\.v([1-9][0-9]*)")
    found = ((name.fullmatch(entry.name), entry) for entry in folder.parent.iterdir())
    return {int(match[1]): entry for match, entry in sorted(found, key=lambda each: each[1].name) if match}


def undo(folder: Path) -> Path:
    """Put the model that the one in ``folder`` was made of back in its place; return where it lay.

    Raises:
        ArtifactError: there is no model, or the one before fails its verification.
        UsageError: the model is of no update, or the one before is no longer beside it.
    """
    before = manifest_of(folder)
    facts = read_artifact(folder).calibration.get(NOTED)
    if facts is None:
        raise UsageError(f"{folder}: this model is as its fit left it, so there is no update to undo")
    place = folder.resolve()
    held = _versions(place).values()
    kept = next((each for each in held if sha256(manifest_of(each)) == facts[OF]), None)
    if kept is None:
        raise UsageError(
            f"{folder}: the model before its update is not beside it any more (as {folder.name}.v1 or the like); "
            "nothing was changed"
        )
    verified(kept)
    with replaced_folder(place) as new:
        if manifest_of(place) != before:
            raise UsageError(f"{folder}: another command has written this model meanwhile; run yours again")
        shutil.copytree(kept, new, dirs_exist_ok=True)
    removed_folder(kept)
    return _beside(folder, kept)


def _beside(folder: Path, place: Path) -> Path:
    """Return ``place``, which lies beside what ``folder`` names, as seen from where ``folder`` is."""
    return place if folder.is_symlink() else folder.with_name(place.name)
