"""The model folder: plain files with their hashes, written whole, checked file by file, never unpickled.

config.json            every setting
weights.safetensors    tables, networks, interactions as CSR
ids.parquet            raw user and item ids by position
edges.parquet          the fitted edges with fake_score and evidence
calibration.json       estimated shares of fake edges, calibration
metrics.json           ranking on validation and test
history.json           one row per evaluation of the training
manifest.json          format version, sha256 of each file
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from recdiff.cleaning.folder import is_cleaned
from recdiff.config import Config
from recdiff.data.ids import Ids
from recdiff.errors import ArtifactError, UsageError
from recdiff.machine.memory import Budget
from recdiff.storage.json_file import parse_json, read_json, write_json
from recdiff.storage.manifest import BUNDLE, CHANGED, MANIFEST, Mark, listed, mark_of, sha256
from recdiff.storage.tensors import write_tensors
from recdiff.storage.whole import foreign, is_stray, replaced_folder, writable
from recdiff.version import VERSION

FORMAT = 1
CONTENTS = (
    "config.json",
    "weights.safetensors",
    "ids.parquet",
    "edges.parquet",
    "calibration.json",
    "metrics.json",
    "history.json",
)


@dataclass(frozen=True)
class Artifact:
    """What a model folder holds, as plain values.

    Attributes:
        arrays: named arrays, the names' first part says whose they are ("scorer/table").
        edges: fitted edges: src, dst (int64 positions), fake_score (float32) and evidence columns.
        calibration, metrics, history: JSON-able.
    """

    config: Config
    users: Ids
    items: Ids
    arrays: Mapping[str, NDArray[Any]]
    edges: pa.Table
    calibration: Mapping[str, Any]
    metrics: Mapping[str, Any]
    history: list[dict[str, Any]]


def write_artifact(
    folder: Path, artifact: Artifact, changed: bytes | None = None, complete: Callable[[], object] | None = None
) -> None:
    """Write the model folder; an existing model is replaced when the new one is complete.

    Args:
        changed: the manifest of the model that this one was made of; cleaned edges beside it stay, the bundle, whose
            scores are the old ones, does not.
        complete: called once all is written, before it takes the folder's place; nobody else writes there meanwhile.

    Raises:
        UsageError: ``folder`` exists and is no model folder, or holds something else besides, or no longer holds the
            model with the manifest ``changed``.
        WriteError: the place cannot be written; nothing of the new model is left.
    """
    check_target(folder)
    with replaced_folder(folder) as new:
        if changed is not None:
            _take_along(folder, new, changed)
        write_json(new / "config.json", artifact.config.to_dict())
        contiguous = {name: np.ascontiguousarray(array) for name, array in artifact.arrays.items()}
        write_tensors(new / "weights.safetensors", contiguous)
        pq.write_table(_ids_table(artifact.users, artifact.items), new / "ids.parquet")
        pq.write_table(artifact.edges, new / "edges.parquet", compression="zstd")
        write_json(new / "calibration.json", artifact.calibration)
        write_json(new / "metrics.json", artifact.metrics)
        write_json(new / "history.json", artifact.history)
        write_json(new / MANIFEST, {"format": FORMAT, "version": VERSION, "files": listed(new, CONTENTS)})
        if complete is not None:
            complete()


def manifest_of(folder: Path) -> bytes:
    """Return the manifest as it lies there, empty where there is none; see ``write_artifact``."""
    return _bytes(folder / MANIFEST) or b""


def _take_along(folder: Path, new: Path, changed: bytes) -> None:
    """Copy what stays where a model is changed; its writer holds the lock, so nobody changes it meanwhile."""
    if manifest_of(folder) != changed:
        raise UsageError(f"{folder}: another command has written this model meanwhile; run yours again")
    for entry in folder.iterdir():
        if entry.is_dir() and is_cleaned(entry):
            shutil.copytree(entry, new / entry.name)


def check_target(folder: Path) -> None:
    """Refuse a ``folder`` whose place a model may not take: only an empty one and a model of ours are replaced.

    Raises:
        UsageError: it is something else, or holds something that no model holds; the message names it.
    """
    target = writable(folder)
    if not target.exists():
        return
    if not target.is_dir():
        raise UsageError(f"{folder} is a file, so it is not replaced; name another --out")
    others = foreign(target, _belongs)
    if others:
        raise UsageError(f"{folder} holds {others[0]!r}, which is no part of a model; name another --out")
    held = {entry.name for entry in target.iterdir() if not is_stray(entry.name)}
    if held and not is_model(target):
        raise UsageError(f"{folder} holds {min(held)!r} but no model's {MANIFEST}; name another --out")


def _belongs(entry: Path) -> bool:
    """Tell whether ``entry`` of a model folder is part of a model, or was put there by a command of ours."""
    if entry.name in {MANIFEST, *CONTENTS}:
        return True
    return entry.is_dir() and (entry.name == BUNDLE or is_cleaned(entry))


def is_model(folder: Path) -> bool:
    """Tell by its manifest whether ``folder`` is a model's."""
    try:
        found = read_json(folder / MANIFEST)
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and isinstance(found.get("files"), dict) and set(found["files"]) == set(CONTENTS)


def read_artifact(folder: Path) -> Artifact:
    """Check and read the model folder.

    Raises:
        ArtifactError: there is no model, or a file is missing, changed, foreign or of another format version;
            every such file is named.
    """
    held = verified(folder)
    plain = {name: _parsed(folder / name, held[name]) for name in CONTENTS if name.endswith(".json")}
    try:
        arrays = safetensors.numpy.load(held["weights.safetensors"])
        users, items = _ids_of(pq.read_table(pa.BufferReader(held["ids.parquet"])))
        edges = pq.read_table(pa.BufferReader(held["edges.parquet"]))
        edges.validate(full=True)
        config = Config.from_dict(plain["config.json"], "config.json")
    except (safetensors.SafetensorError, pa.ArrowException, AttributeError, LookupError, OSError, ValueError) as error:
        raise ArtifactError(
            f"{folder}: cannot be read although its hashes fit ({error}); fit the model again"
        ) from None
    return Artifact(
        config=config,
        users=users,
        items=items,
        arrays=arrays,
        edges=edges,
        calibration=plain["calibration.json"],
        metrics=plain["metrics.json"],
        history=plain["history.json"],
    )


def verified(folder: Path) -> dict[str, bytes]:
    """Return the bytes of every file of the model folder, each compared with the manifest's hash.

    What is returned is what was hashed: a model that takes the folder's place meanwhile is not mixed into it. Links
    are followed; the hash is the check.

    Raises:
        ArtifactError: as ``read_artifact``.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise ArtifactError(
            f"{folder}: no model here ({MANIFEST} is missing); run `recdiff-sdk fit DATA --out {folder}`"
        )
    mark = _mark(path)
    manifest = _read_json(path)
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        found = manifest.get("format") if isinstance(manifest, dict) else None
        raise ArtifactError(f"{path}: format {found!r}; this version reads format {FORMAT}. Fit the model again")
    said = manifest.get("files")
    if not isinstance(said, dict) or set(said) != set(CONTENTS):
        raise ArtifactError(f"{path}: does not list exactly {', '.join(CONTENTS)}; fit the model again")
    budget = Budget(folder)
    for name in CONTENTS:
        budget.take(_size(folder / name))
    held = {name: _bytes(folder / name) for name in CONTENTS}
    faults = [fault for name in CONTENTS if (fault := _fault(name, held[name], said[name]))]
    faults += [f"{name} does not belong here" for name in foreign(folder, _belongs)]
    if not faults:
        return {name: content for name, content in held.items() if content is not None}
    # Another model has taken the folder's place meanwhile; one with the same content may have followed it.
    if _mark(path) != mark:
        return verified(folder)
    raise ArtifactError(f"{folder}: {'; '.join(faults)}. Fit the model again, or copy it whole")


def below(prefix: str, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return the arrays whose names start with ``prefix/``, without it."""
    start = f"{prefix}/"
    return {name.removeprefix(start): array for name, array in arrays.items() if name.startswith(start)}


def above(prefix: str, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return the arrays with ``prefix/`` before each name; the inverse of ``below``."""
    return {f"{prefix}/{name}": array for name, array in arrays.items()}


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0


def _mark(file: Path) -> Mark | None:
    try:
        return mark_of(file.stat())
    except OSError:
        return None


def _bytes(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except OSError:
        return None


def _fault(name: str, content: bytes | None, entry: Any) -> str | None:
    if content is None:
        return f"{name} is missing or cannot be read"
    if not isinstance(entry, dict) or entry.get("sha256") != sha256(content):
        return f"{name} {CHANGED}"
    return None


def _ids_table(users: Ids, items: Ids) -> pa.Table:
    """One row per id in order of position; whole numbers and text in columns of their own."""
    columns: dict[str, list[pa.Array]] = {"number": [], "text": []}
    for ids in (users, items):
        name, other = ("number", "text") if ids.integers else ("text", "number")
        columns[name].append(ids.values)
        columns[other].append(pa.nulls(len(ids), pa.string() if ids.integers else pa.int64()))
    kind = pa.array(["user"] * len(users) + ["item"] * len(items)).dictionary_encode()
    return pa.table({"kind": kind, **{name: pa.chunked_array(parts) for name, parts in columns.items()}})


def _ids_of(table: pa.Table) -> tuple[Ids, Ids]:
    def ids(kind: str) -> Ids:
        rows = table.filter(pc.equal(table["kind"].cast(pa.string()), kind))
        column = rows["number"] if rows["number"].null_count == 0 and len(rows) else rows["text"]
        return Ids(column.combine_chunks())

    return ids("user"), ids("item")


def _read_json(file: Path) -> Any:
    try:
        return read_json(file)
    except (OSError, ValueError) as error:
        raise ArtifactError(f"{file}: cannot be read ({error}); fit the model again") from None


def _parsed(file: Path, content: bytes) -> Any:
    try:
        return parse_json(content)
    except ValueError as error:
        raise ArtifactError(f"{file}: cannot be read ({error}); fit the model again") from None
