"""Write a bundle: graphs, tables, ids, fitted scores and a manifest, checked before it appears."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recdiff.errors import UsageError
from recdiff.storage.json_file import read_json
from recdiff.storage.manifest import MANIFEST
from recdiff.storage.whole import in_the_way, replaced_folder, writable
from recdiff.version import VERSION
from recdiff_export.bundle import names as layout
from recdiff_export.bundle.graphs.denoiser import denoiser_graph
from recdiff_export.bundle.graphs.recommender import recommender_graph
from recdiff_export.bundle.graphs.scorer import scorer_by_id_graph, scorer_graph
from recdiff_export.bundle.manifest import FileRecord, Manifest, ParityRecord, record, write_manifest
from recdiff_export.bundle.parity import TOLERANCE, measure_parity, require_parity
from recdiff_export.bundle.parts import BlendWeights, Parts, RecommenderWeights, weight_arrays
from recdiff_export.runtime.known_scores import write_fitted

SCHEMA = "recdiff-bundle/1"


@dataclass(frozen=True)
class ExportReport:
    """What an export wrote and how exact it is.

    Attributes:
        folder: the bundle. files: names and sizes in bytes. parity: every figure measured.
    """

    folder: Path
    files: dict[str, int]
    parity: tuple[ParityRecord, ...]

    @property
    def max_error(self) -> float:
        """The largest parity error."""
        return max(entry.max_error for entry in self.parity)


def export_bundle(parts: Parts, folder: Path, *, tolerance: float = TOLERANCE) -> ExportReport:
    """Write the bundle of ``parts`` to ``folder``, replacing it whole; on any failure nothing changes.

    Raises:
        ArtifactError: a parity error exceeds ``tolerance``.
        UsageError: ``folder`` holds something else than a bundle.
        WriteError: the disk is full or not writable.
    """
    with exported_folder(folder, ours=_is_bundle, known=lambda entry: entry.name in layout.BUNDLE_FILES) as draft:
        metadata = _metadata(parts)
        _write_graphs(draft, parts, metadata)
        _write_tables(draft, parts)
        measured = measure_parity(draft, parts)
        require_parity(measured, tolerance)
        files = {path.name: record(path) for path in sorted(draft.iterdir())}
        write_manifest(draft, _manifest(parts, metadata, measured, tolerance, files))
    return ExportReport(folder, {name: entry.bytes for name, entry in files.items()}, measured)


@contextmanager
def exported_folder(folder: Path, *, ours: Callable[[Path], bool], known: Callable[[Path], bool]) -> Iterator[Path]:
    """Yield a draft that takes ``folder``'s place when the block ends without an error.

    An existing folder is replaced only where it holds nothing, or is ``ours`` and holds nothing that is not ``known``.

    Raises:
        UsageError: it is not replaced.
        WriteError: the disk is full or not writable; nothing was changed.
    """
    other = in_the_way(writable(folder), known, ours)
    if other:
        raise UsageError(f"{folder} holds {other!r}, which no export writes; choose another")
    with replaced_folder(folder) as draft:
        yield draft


def read_object(file: Path) -> dict[str, Any]:
    """Return what a JSON file holds, nothing where it is absent or no object."""
    try:
        found = read_json(file)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _is_bundle(folder: Path) -> bool:
    metadata = read_object(folder / MANIFEST).get("metadata")
    return isinstance(metadata, dict) and str(metadata.get("schema")).startswith(f"{SCHEMA.partition('/')[0]}/")


def _write_graphs(folder: Path, parts: Parts, metadata: dict[str, str]) -> None:
    _write_external(folder, parts)
    graphs = {
        layout.SCORER_FILE: scorer_graph(parts.scorer),
        layout.FAKE_SCORE_FILE: scorer_graph(parts.scorer, kinds=False),
        layout.SCORER_BY_ID_FILE: scorer_by_id_graph(parts.scorer),
    }
    if parts.denoiser is not None:
        graphs[layout.DENOISER_FILE] = denoiser_graph(parts.denoiser)
    if parts.recommender is not None:
        graphs[layout.RECOMMENDER_FILE] = recommender_graph(parts.recommender)
    for name, graph in graphs.items():
        graph.save(folder / name, metadata)


def _write_external(folder: Path, parts: Parts) -> None:
    table = parts.scorer.packed
    _raw(folder / layout.TABLE_FILE, table, table.dtype.type)
    if parts.recommender is not None:
        for name, values in _recommender_tables(parts.recommender).items():
            _raw(folder / name, values, values.dtype.type)


def _recommender_tables(weights: RecommenderWeights) -> dict[str, NDArray[Any]]:
    items, width = weights.item_table.shape
    tables: dict[str, NDArray[Any]] = {
        layout.RECOMMEND_USERS_FILE: weights.user_table.astype(np.float32),
        # The extra row is what padded seen lists name; see recommender_graph.
        layout.RECOMMEND_ITEMS_FILE: np.concatenate([weights.item_table, np.zeros((1, width), np.float32)]).astype(
            np.float32
        ),
        layout.SEEN_INDPTR_FILE: weights.seen_indptr.astype(np.int64),
        layout.SEEN_ITEMS_FILE: np.append(weights.seen_items, items).astype(np.int32),
        **(_blend_tables(weights.blend, items) if _members(weights) and weights.blend is not None else {}),
    }
    if weights.memory is not None:
        # The extra row is the mean user's, for whom nothing is known.
        mean = weights.user_table.mean(axis=0, keepdims=True)
        tables[layout.MEMORY_USERS_FILE] = weights.memory.users.astype(np.float32)
        tables[layout.MEMORY_ITEMS_FILE] = np.concatenate([weights.memory.items, mean]).astype(np.float32)
        if weights.blend is not None and weights.blend.popularity is not None:
            tables[layout.POPULARITY_FILE] = weights.blend.popularity
    return tables


def _members(weights: RecommenderWeights | None) -> tuple[str, ...]:
    """Return the members of the blend that score by a table."""
    return () if weights is None or weights.blend is None else tuple(sorted(weights.blend.tables))


def _weights(weights: RecommenderWeights | None) -> dict[str, float]:
    """Return the weights of the blend's members where somebody new is ranked by them."""
    if weights is None or weights.memory is None or weights.blend is None:
        return {}
    return dict(weights.blend.weights)


def _blend_tables(weights: BlendWeights, items: int) -> dict[str, NDArray[Any]]:
    """Return the users' lists and the members' tables, each with what padding names behind it."""
    tables: dict[str, NDArray[Any]] = {
        layout.HISTORY_INDPTR_FILE: weights.history_indptr.astype(np.int64),
        layout.HISTORY_ITEMS_FILE: np.append(weights.history_items, items).astype(np.int32),
    }
    for name, (follows, added) in weights.tables.items():
        width = follows.shape[1]
        files = layout.member_files(name)
        tables[files[0]] = np.concatenate([follows, np.full((1, width), items)]).astype(np.int32)
        tables[files[1]] = np.concatenate([added, np.zeros((1, width))]).astype(np.float32)
    return tables


def _raw(path: Path, values: NDArray[Any], kind: type[np.generic]) -> None:
    # numpy's own tofile counts bytes where a disk is full, and does not say so.
    path.write_bytes(np.ascontiguousarray(values, dtype=np.dtype(kind).newbyteorder("<")).data)


def _write_tables(folder: Path, parts: Parts) -> None:
    for name, ids in ((layout.USERS_FILE, parts.users), (layout.ITEMS_FILE, parts.items)):
        table = pa.table({"id": ids})
        with pa.OSFile(str(folder / name), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
    write_fitted(folder, parts.fitted, len(parts.users))


def _metadata(parts: Parts) -> dict[str, str]:
    """The graphs' ``metadata_props``: what the caller said plus what the parts themselves say."""
    steps = 0 if parts.denoiser is None else parts.denoiser.steps
    return {
        **parts.metadata,
        "schema": SCHEMA,
        "sdk_version": VERSION,
        "steps": str(steps),
        "ids_sha256": _ids_hash(parts),
        "weights_sha256": _weights_hash(parts),
    }


def _ids_hash(parts: Parts) -> str:
    digest = hashlib.sha256()
    for ids in (parts.users, parts.items):
        digest.update(f"{ids.type}:{len(ids)}".encode())
        for buffer in pa.concat_arrays([ids]).buffers()[1:]:
            digest.update(b"" if buffer is None else buffer)
    return digest.hexdigest()


def _weights_hash(parts: Parts) -> str:
    digest = hashlib.sha256(
        repr((parts.scorer.terms, parts.scorer.clip, parts.scorer.calibration, parts.scorer.alike)).encode()
    )
    for name, array in sorted(weight_arrays(parts).items()):
        digest.update(repr((name, array.shape, array.dtype.str)).encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _manifest(
    parts: Parts,
    metadata: dict[str, str],
    parity: tuple[ParityRecord, ...],
    tolerance: float,
    files: dict[str, FileRecord],
) -> Manifest:
    table, recommender = parts.scorer.packed, parts.recommender
    memory = None if recommender is None else recommender.memory
    return Manifest(
        users=len(parts.users),
        items=len(parts.items),
        row_type=table.dtype.name,
        row_width=table.shape[1],
        embedding_width=0 if parts.denoiser is None else parts.denoiser.width,
        kinds=parts.scorer.kinds,
        directed=parts.fitted.directed,
        recommends=recommender is not None,
        members=_members(recommender),
        tie_weight=None if memory is None else float(memory.tie_weight),
        weights=_weights(parts.recommender),
        tolerance=tolerance,
        metadata=metadata,
        parity=parity,
        files=files,
    )
