"""manifest.json of a bundle: what it holds, how exact it is, and how each file is recognised."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from recdiff.blend.names import OURS, POPULARITY
from recdiff.errors import ArtifactError
from recdiff.storage.json_file import write_json
from recdiff.storage.manifest import MANIFEST
from recdiff_export.bundle.held import Held
from recdiff_export.bundle.names import MEMBERS, files_of

FORMAT = 1
# Bytes of a manifest, and a bound on every count in it.
_LONGEST = 1 << 20
_MOST = 1 << 40


@dataclass(frozen=True)
class FileRecord:
    """One file: its size, the hash of all of it and the hash of blocks spread over it."""

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
        recommends: whether there is a recommender. members: of its blend, those that score by a table.
        tolerance: what every parity figure had to stay below.
        metadata: the graphs' ``metadata_props``.
        weights: of the blend's members, by which somebody new is ranked too; none without a blend.
        tie_weight: w of a new user's friends; None: the bundle knows nothing to recommend by to somebody new.
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
    members: tuple[str, ...] = ()
    tie_weight: float | None = None
    weights: Mapping[str, float] = field(default_factory=dict)
    format: int = FORMAT


def record(path: Path) -> FileRecord:
    """Measure the file at ``path``."""
    held = Held.of(path)
    return FileRecord(len(held), held.sha256(), held.sample_sha256())


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write ``manifest`` into ``folder``, the same bytes for the same content."""
    write_json(folder / MANIFEST, asdict(manifest))


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of the bundle at ``folder``.

    Raises:
        ArtifactError: there is none, or it is not one this version reads.
    """
    return parse_manifest(folder, manifest_bytes(folder))


def manifest_bytes(folder: Path) -> bytes:
    """Return what manifest.json of the bundle at ``folder`` says.

    Raises:
        ArtifactError: there is none.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise ArtifactError(f"{folder}: no bundle here ({MANIFEST} is missing); run `recdiff-sdk export --onnx`")
    with path.open("rb") as file:
        said = file.read(_LONGEST + 1)
    if len(said) > _LONGEST:
        raise ArtifactError(f"{path}: not a bundle's manifest (more than {_LONGEST} bytes); export the bundle again")
    return said


def parse_manifest(folder: Path, said: bytes) -> Manifest:
    """Return the manifest that the bytes ``said`` of manifest.json spell, every field of it checked.

    Raises:
        ArtifactError: it is not one this version reads.
    """
    path = folder / MANIFEST
    try:
        stored: dict[str, Any] = json.loads(said)
        if stored.get("format") != FORMAT or isinstance(stored["format"], bool):
            raise ArtifactError(
                f"{path}: format {str(stored.get('format'))[:60]}; this version reads {FORMAT}. Export the bundle again"
            )
        stored["files"] = {name: FileRecord(**entry) for name, entry in stored["files"].items()}
        stored["parity"] = tuple(ParityRecord(**entry) for entry in stored["parity"])
        manifest = Manifest(**stored)
        _check(manifest)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ArtifactError(f"{path}: not a bundle's manifest ({str(error)[:200]}); export the bundle again") from None
    return manifest


def _check(said: Manifest) -> None:
    """Refuse values of another type or beyond reason, and files other than those that such a bundle has."""
    for name in ("users", "items", "row_width", "embedding_width", "kinds"):
        _require(_counts(getattr(said, name)), f"{name} is no count")
    _require(isinstance(said.tolerance, int | float), "tolerance is no number")
    for name in ("directed", "recommends"):
        _require(isinstance(getattr(said, name), bool), f"{name} is neither true nor false")
    _require(said.row_type in ("float32", "float16"), f"row_type {said.row_type!r} is neither float32 nor float16")
    text = isinstance(said.metadata, dict) and all(isinstance(value, str) for value in said.metadata.values())
    _require(text, "metadata is not text by name")
    threshold = said.metadata.get("threshold", "0")
    _require(math.isfinite(float(threshold)), f"threshold {threshold!r} is no number")
    members = isinstance(said.members, tuple | list) and all(each in MEMBERS for each in said.members)
    _require(members and len(set(said.members)) == len(said.members), f"members are not of {', '.join(MEMBERS)}")
    _require(said.recommends or not said.members, "there are members, and no recommender")
    weight = said.tie_weight
    _require(weight is None or (said.recommends and _weighs(weight)), f"tie_weight {weight!r} is no weight")
    _require(isinstance(said.weights, dict) and all(map(_weighs, said.weights.values())), "weights are no weights")
    named = {OURS, POPULARITY, *said.members}
    _require(not said.weights.keys() - named, "weights of members that the bundle lacks")
    _require(weight is None or said.weights.keys() >= {*said.members}, "members without a weight")
    wanted = files_of(
        denoises=said.embedding_width > 0,
        recommends=said.recommends,
        members=said.members,
        remembers=weight is not None,
        counts=POPULARITY in said.weights,
    )
    for name in sorted(wanted ^ said.files.keys()):
        _require(name in said.files, f"it does not list {name}")
        _require(name in wanted, f"it lists {name!r}, which is no part of this bundle")
    for name, entry in said.files.items():
        hashes = (entry.sha256, entry.sample_sha256)
        whole = _counts(entry.bytes) and all(isinstance(each, str) for each in hashes)
        _require(whole, f"what it says of {name} is no size and two hashes")


def _counts(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MOST


def _weighs(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < _MOST


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise ValueError(message)
