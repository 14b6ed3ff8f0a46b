"""manifest.json of a bundle: what it holds, how exact it is, and how each file is recognised."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from recdiff.errors import ArtifactError

MANIFEST = "manifest.json"
BUNDLE = "onnx"
"""The folder of a bundle within its model folder."""
FORMAT = 1
# Files up to this size are hashed whole whenever a bundle opens; larger ones by samples, so that opening takes
# the same time for any number of users.
WHOLE_LIMIT = 4 << 20
_SAMPLES = 16
_BLOCK = 1 << 16


@dataclass(frozen=True)
class FileRecord:
    """One file: its size, the hash of all of it and the hash of ``_SAMPLES`` blocks spread over it."""

    bytes: int
    sha256: str
    sample_sha256: str


@dataclass(frozen=True)
class ParityRecord:
    """The largest difference of one graph from the reference formulas on one batch."""

    graph: str
    rows: str
    batch: int
    max_error: float


@dataclass(frozen=True)
class Manifest:
    """A bundle's table of contents.

    Attributes:
        users, items: how many.
        row_width: F, columns of the scorer's table. row_type: float32, or float16 where that holds it exactly.
        embedding_width: D of the denoiser, 0 without one.
        kinds: K.
        directed: whether (a, b) and (b, a) are different edges.
        recommends: whether there is a recommender.
        tolerance: what every parity figure had to stay below.
        metadata: the graphs' ``metadata_props``.
    """

    users: int
    items: int
    row_width: int
    row_type: str
    embedding_width: int
    kinds: int
    directed: bool
    recommends: bool
    tolerance: float
    metadata: Mapping[str, str]
    parity: tuple[ParityRecord, ...]
    files: Mapping[str, FileRecord]
    format: int = FORMAT


def record(path: Path) -> FileRecord:
    """Measure the file at ``path``."""
    return FileRecord(path.stat().st_size, _whole(path), _sampled(path))


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write ``manifest`` into ``folder``, the same bytes for the same content."""
    text = json.dumps(asdict(manifest), indent=2, sort_keys=True, ensure_ascii=False)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of the bundle at ``folder``.

    Raises:
        ArtifactError: there is none, or it is not one this version reads.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise ArtifactError(f"{folder}: no bundle here ({MANIFEST} is missing); run `recdiff-sdk export --onnx`")
    try:
        stored: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if stored.get("format") != FORMAT:
            raise ArtifactError(
                f"{path}: format {stored.get('format')!r}; this version reads {FORMAT}. Export the bundle again"
            )
        stored["files"] = {name: FileRecord(**entry) for name, entry in stored["files"].items()}
        stored["parity"] = tuple(ParityRecord(**entry) for entry in stored["parity"])
        return Manifest(**stored)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ArtifactError(f"{path}: not a bundle's manifest ({error}); export the bundle again") from None


def verify_files(folder: Path, manifest: Manifest, *, whole: bool = False) -> None:
    """Compare every file with the manifest: size and samples, or (``whole``, and small files) every byte.

    Raises:
        ArtifactError: a file is missing, changed, not plain or not listed; each is named.
    """
    faults = [fault for name, entry in manifest.files.items() if (fault := _fault(folder / name, entry, whole))]
    known = {MANIFEST, *manifest.files}
    faults += [f"{path.name} is not listed" for path in sorted(folder.iterdir()) if path.name not in known]
    if faults:
        raise ArtifactError(f"{folder}: {'; '.join(faults)}. Export the bundle again, or copy it whole")


def _fault(path: Path, entry: FileRecord, whole: bool) -> str | None:
    if path.is_symlink() or not path.is_file():
        return f"{path.name} is missing or not a plain file"
    if (size := path.stat().st_size) != entry.bytes:
        return f"{path.name} has {size} bytes, not {entry.bytes}"
    all_of_it = whole or size <= WHOLE_LIMIT
    same = _whole(path) == entry.sha256 if all_of_it else _sampled(path) == entry.sample_sha256
    return None if same else f"{path.name} was changed (its hash differs from the manifest's)"


def _whole(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sampled(path: Path) -> str:
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        for index in range(_SAMPLES):
            file.seek(max(size - _BLOCK, 0) * index // (_SAMPLES - 1))
            digest.update(file.read(_BLOCK))
    return digest.hexdigest()
