"""Open a bundle whole: every file is held, and compared with the manifest, before anything is made of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from recdiff.errors import ArtifactError
from recdiff.storage.manifest import CHANGED, MANIFEST, sha256
from recdiff.storage.whole import is_stray
from recdiff_export.bundle.held import WHOLE_LIMIT, Held
from recdiff_export.bundle.manifest import FileRecord, Manifest, manifest_bytes, parse_manifest

_TRIES = 5
_Opened = TypeVar("_Opened")


@dataclass(frozen=True)
class Bundle:
    """The files of one bundle.

    Attributes:
        folder: where it lies. manifest: what it says of itself.
        digest: the manifest's hash, and with it that of every file.
        files: all others by name.
    """

    folder: Path
    manifest: Manifest
    digest: str
    files: Mapping[str, Held]

    @classmethod
    def open(cls, folder: Path, *, whole: bool = False) -> Bundle:
        """Hold every file and compare it with the manifest: size and samples, or (``whole``, small files) every byte.

        Raises:
            ArtifactError: a file is missing, changed, not plain or not listed; each is named.
        """
        said = manifest_bytes(folder)
        manifest = parse_manifest(folder, said)
        files: dict[str, Held] = {}
        faults = []
        for name, entry in manifest.files.items():
            try:
                files[name] = Held.of(folder / name)
                _compare(files[name], entry, whole)
            except ArtifactError as error:
                faults.append(str(error))
        known = {MANIFEST, *manifest.files}
        strange = (path.name for path in sorted(folder.iterdir()) if path.name not in known)
        # Names that begin with two points are how a cluster mounts a folder.
        faults += [f"{name} is not listed" for name in strange if not (is_stray(name) or name.startswith(".."))]
        if faults:
            raise ArtifactError(f"{folder}: {'; '.join(faults)}. Export the bundle again, or copy it whole")
        return cls(folder, manifest, sha256(said), files)

    def current(self) -> bool:
        """Say whether the folder still holds these very files."""
        return all(held.current() for held in self.files.values())


def opened_whole(folder: Path, make: Callable[[], tuple[Bundle, _Opened]]) -> _Opened:
    """Return what ``make`` makes of the bundle at ``folder``, again where the bundle was replaced meanwhile.

    ONNX Runtime maps tables by their path: whether those were the files that were checked shows afterwards.

    Raises:
        ArtifactError: as ``make``; or the bundle is replaced all the time.
    """
    for _ in range(_TRIES):
        before = manifest_bytes(folder)
        try:
            bundle, made = make()
        except ArtifactError:
            if manifest_bytes(folder) == before:
                raise
            continue
        if bundle.current():
            return made
    raise ArtifactError(f"{folder}: the bundle is being replaced; try again")


def _compare(held: Held, entry: FileRecord, whole: bool) -> None:
    name = held.path.name
    if len(held) != entry.bytes:
        raise ArtifactError(f"{name} has {len(held)} bytes, not {entry.bytes}")
    all_of_it = whole or len(held) <= WHOLE_LIMIT
    if (held.sha256() != entry.sha256) if all_of_it else (held.sample_sha256() != entry.sample_sha256):
        raise ArtifactError(f"{name} {CHANGED}")
