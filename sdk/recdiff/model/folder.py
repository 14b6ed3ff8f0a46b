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

import hashlib
import json
from collections.abc import Mapping
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

from recdiff.config import Config
from recdiff.data.ids import Ids
from recdiff.errors import ArtifactError, UsageError
from recdiff.storage.whole import replaced_folder
from recdiff.version import VERSION

FORMAT = 1
MANIFEST = "manifest.json"
# Written beside the model's own files by `export`, with a manifest of its own.
BUNDLE = "onnx"
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


def write_artifact(folder: Path, artifact: Artifact) -> None:
    """Write the model folder; an existing model is replaced when the new one is complete.

    Raises:
        UsageError: ``folder`` exists and is no model folder.
        OSError: the place cannot be written; nothing of the new model is left.
    """
    if folder.exists() and not (folder / MANIFEST).is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} exists and is no model folder, so it is not replaced; name another --out")
    with replaced_folder(folder) as new:
        _write_json(new / "config.json", artifact.config.to_dict())
        contiguous = {name: np.ascontiguousarray(array) for name, array in artifact.arrays.items()}
        safetensors.numpy.save_file(contiguous, new / "weights.safetensors")
        pq.write_table(_ids_table(artifact.users, artifact.items), new / "ids.parquet")
        pq.write_table(artifact.edges, new / "edges.parquet", compression="zstd")
        _write_json(new / "calibration.json", artifact.calibration)
        _write_json(new / "metrics.json", artifact.metrics)
        _write_json(new / "history.json", artifact.history)
        files = {name: {"bytes": (new / name).stat().st_size, "sha256": _sha256(new / name)} for name in CONTENTS}
        _write_json(new / MANIFEST, {"format": FORMAT, "version": VERSION, "files": files})


def read_artifact(folder: Path) -> Artifact:
    """Check and read the model folder.

    Raises:
        ArtifactError: there is no model, or a file is missing, changed, foreign or of another format version;
            every such file is named.
    """
    verify_artifact(folder)
    with safetensors.safe_open(folder / "weights.safetensors", "np") as handle:
        arrays = {name: handle.get_tensor(name) for name in handle.keys()}  # noqa: SIM118 - not a dict
    users, items = _ids_of(pq.read_table(folder / "ids.parquet"))
    return Artifact(
        Config.from_dict(_read_json(folder / "config.json"), str(folder / "config.json")),
        users,
        items,
        arrays,
        pq.read_table(folder / "edges.parquet"),
        _read_json(folder / "calibration.json"),
        _read_json(folder / "metrics.json"),
        _read_json(folder / "history.json"),
    )


def verify_artifact(folder: Path) -> None:
    """Compare every file of the model folder with its manifest.

    Raises:
        ArtifactError: as ``read_artifact``.
    """
    path = folder / MANIFEST
    if path.is_symlink() or not path.is_file():
        raise ArtifactError(
            f"{folder}: no model here ({MANIFEST} is missing or not a plain file); "
            f"run `recdiff-sdk fit DATA --out {folder}`"
        )
    manifest = _read_json(path)
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        found = manifest.get("format") if isinstance(manifest, dict) else None
        raise ArtifactError(f"{path}: format {found!r}; this version reads format {FORMAT}. Fit the model again")
    listed = manifest.get("files")
    if not isinstance(listed, dict) or set(listed) != set(CONTENTS):
        raise ArtifactError(f"{path}: does not list exactly {', '.join(CONTENTS)}; fit the model again")
    faults = [fault for name in CONTENTS if (fault := _fault(folder / name, listed[name]))]
    known = {MANIFEST, BUNDLE, *CONTENTS}
    faults += [f"{entry.name} does not belong here" for entry in sorted(folder.iterdir()) if entry.name not in known]
    if faults:
        raise ArtifactError(f"{folder}: {'; '.join(faults)}. Fit the model again, or copy it whole")


def below(prefix: str, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return the arrays whose names start with ``prefix/``, without it."""
    start = f"{prefix}/"
    return {name.removeprefix(start): array for name, array in arrays.items() if name.startswith(start)}


def above(prefix: str, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return the arrays with ``prefix/`` before each name; the inverse of ``below``."""
    return {f"{prefix}/{name}": array for name, array in arrays.items()}


def _fault(file: Path, entry: Any) -> str | None:
    if file.is_symlink() or not file.is_file():
        return f"{file.name} is missing or not a plain file"
    if not isinstance(entry, dict) or entry.get("sha256") != _sha256(file):
        return f"{file.name} was changed (its hash differs from the manifest's)"
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


def _sha256(file: Path) -> str:
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _write_json(file: Path, value: Any) -> None:
    text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    file.write_text(text + "\n", encoding="utf-8")


def _read_json(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise ArtifactError(f"{file}: cannot be read ({error}); fit the model again") from None
