"""A Triton model repository: one folder per graph, its config written through the client library's protobuf."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import onnx

from recdiff.errors import UsageError
from recdiff.extras import install_with
from recdiff_export.bundle import names as layout
from recdiff_export.bundle.graphs.scorer import scorer_by_id_graph
from recdiff_export.bundle.graphs.stored import sorted_edges
from recdiff_export.bundle.parity import TOLERANCE, measure_served, require_parity
from recdiff_export.bundle.parts import Parts, require_scores
from recdiff_export.bundle.write import exported_folder

MARKER = "recdiff_scorer"
CONFIG = "config.pbtxt"
# Rows that the server may join into one call.
MAX_BATCH = 4096
_QUEUE_MICROSECONDS = 500

_TABLES = (layout.TABLE_FILE,)
# Of a blend's there are those that it has.
_RECOMMENDER_TABLES = (*layout.RECOMMENDER_TABLES, *layout.blend_files(layout.MEMBERS))


@dataclass(frozen=True)
class _Model:
    """One model of the repository: its graph, the tables that lie beside it, and whether rows can be joined."""

    name: str
    graph: str
    tables: tuple[str, ...]
    ids: tuple[str, ...]
    batched: bool


_MODELS = (
    _Model("recdiff_denoiser", layout.DENOISER_FILE, (), (), True),
    _Model(MARKER, layout.SCORER_BY_ID_FILE, _TABLES, (layout.USERS_FILE,), True),
    # The number of items is one value a request, so requests cannot be joined.
    _Model(
        "recdiff_recommender",
        layout.RECOMMENDER_FILE,
        _RECOMMENDER_TABLES,
        (layout.USERS_FILE, layout.ITEMS_FILE),
        False,
    ),
)


def export_triton(parts: Parts, bundle: Path, repository: Path) -> Path:
    """Write ``parts`` and the graphs of their ``bundle`` as a model repository and return it.

    Models take and return positions; ``users.arrow`` and ``items.arrow`` beside a config say which raw id has which.
    The scorer answers a fitted edge with its stored score, as SDK, runtime and HTTP server do; that is checked.

    Raises:
        UsageError: the client library is missing, or ``repository`` holds something else.
        ArtifactError: the scorer differs from the stored scores or from the formulas.
        WriteError: the disk is full or not writable.
    """
    with exported_folder(repository, ours=_is_ours, known=_is_served) as draft:
        for model in _MODELS:
            if (bundle / model.graph).is_file():
                _write_model(parts, bundle, draft / model.name, model)
    return repository


def _write_model(parts: Parts, bundle: Path, folder: Path, model: _Model) -> None:
    (folder / "1").mkdir(parents=True)
    for name in (each for each in model.tables if (bundle / each).is_file()):
        shutil.copyfile(bundle / name, folder / "1" / name)
    for name in model.ids:
        shutil.copyfile(bundle / name, folder / name)
    file = folder / "1" / "model.onnx"
    if model.name == MARKER:
        _write_scorer(parts, bundle / model.graph, file)
    else:
        shutil.copyfile(bundle / model.graph, file)
    (folder / CONFIG).write_text(_config(model, onnx.load(file, load_external_data=False).graph), encoding="utf-8")


def _write_scorer(parts: Parts, plain: Path, file: Path) -> None:
    """Write the scorer by positions that knows the fitted edges, and check it."""
    require_scores(parts, "Triton")
    keys, scores = sorted_edges(parts.fitted, len(parts.users))
    for name, values in ((layout.STORED_KEYS_FILE, keys), (layout.STORED_SCORES_FILE, scores)):
        file.with_name(name).write_bytes(values.astype(values.dtype.newbyteorder("<")).tobytes())
    said = onnx.load(plain, load_external_data=False).metadata_props
    scorer_by_id_graph(parts.scorer, parts.fitted).save(file, {entry.key: entry.value for entry in said})
    require_parity(measure_served(file, parts), TOLERANCE)


def _config(model: _Model, graph: onnx.GraphProto) -> str:
    try:
        text_format = import_module("google.protobuf.text_format")
        from tritonclient.grpc import model_config_pb2 as triton
    except (ImportError, RuntimeError):
        raise UsageError(f"a Triton repository needs tritonclient: {install_with('triton')}") from None
    config = triton.ModelConfig(name=model.name, platform="onnxruntime_onnx", backend="onnxruntime")
    config.max_batch_size = MAX_BATCH if model.batched else 0
    if model.batched:
        config.dynamic_batching.max_queue_delay_microseconds = _QUEUE_MICROSECONDS
    for value in graph.input:
        config.input.append(_tensor(triton.ModelInput, triton, value, model.batched))
    for value in graph.output:
        config.output.append(_tensor(triton.ModelOutput, triton, value, model.batched))
    return str(text_format.MessageToString(config))


def _tensor(kind: Any, triton: Any, value: onnx.ValueInfoProto, batched: bool) -> Any:
    """Describe an input or output; with batching the first dimension is Triton's own."""
    types = {onnx.TensorProto.FLOAT: triton.TYPE_FP32, onnx.TensorProto.INT64: triton.TYPE_INT64}
    dims = [axis.dim_value or -1 for axis in value.type.tensor_type.shape.dim]
    described = kind(name=value.name, data_type=types[value.type.tensor_type.elem_type])
    if batched and len(dims) == 1:
        # One number a row: the protocol wants (batch, 1), the graph (batch,).
        described.dims.append(1)
        described.reshape.SetInParent()
    else:
        described.dims.extend(dims[1:] if batched else dims)
    return described


def _is_served(entry: Path) -> bool:
    """Tell whether ``entry`` of a model repository is one of our models, and not of another that is served there."""
    return entry.name in {model.name for model in _MODELS} and _is_config(entry)


def _is_ours(repository: Path) -> bool:
    return _is_config(repository / MARKER)


def _is_config(model: Path) -> bool:
    try:
        return f'name: "{model.name}"' in (model / CONFIG).read_text(encoding="utf-8")
    except (OSError, ValueError):
        return False
