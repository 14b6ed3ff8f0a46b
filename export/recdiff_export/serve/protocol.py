"""The Open Inference Protocol, version 2: requests and responses as bytes, with its binary tensor extension.

Everything here is given bytes by strangers: sizes are checked before anything is allocated.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recdiff_export.serve.json_body import RequestError, parse_json

HEADER_LENGTH = "inference-header-content-length"
_KINDS: dict[str, type[np.generic]] = {"INT64": np.int64, "FP32": np.float32, "FP64": np.float64, "INT32": np.int32}
_NAMES = {np.dtype(kind): name for name, kind in _KINDS.items()}


@dataclass(frozen=True)
class TensorSpec:
    """One tensor of a model: its name, accepted types and shape (-1: any)."""

    name: str
    kinds: tuple[str, ...]
    shape: tuple[int, ...]


@dataclass(frozen=True)
class InferRequest:
    """A decoded request: tensors by name (text as object arrays), and which outputs are wanted how."""

    id: str | None
    tensors: Mapping[str, NDArray[Any]]
    outputs: Mapping[str, bool] | None
    binary: bool

    def wants(self, name: str) -> bool:
        """Return whether output ``name`` was asked for."""
        return self.outputs is None or name in self.outputs


def decode_infer(
    body: bytes,
    header_length: str | None,
    specs: Sequence[TensorSpec],
    max_rows: int,
    max_values: int = 1_000_000,
) -> InferRequest:
    """Decode an infer request and check its tensors against ``specs``.

    Raises:
        RequestError: 400 for anything malformed, 413 for more than ``max_rows`` rows or ``max_values`` JSON values.
    """
    split = len(body) if header_length is None else _header_length(header_length, len(body))
    head, blob = parse_json(body[:split], max_values), memoryview(body)[split:]
    inputs = head.get("inputs")
    if not isinstance(inputs, list) or not all(isinstance(entry, dict) for entry in inputs):
        raise RequestError("inputs must be a list of tensors")
    by_name = {entry.get("name"): entry for entry in inputs if isinstance(entry.get("name"), str)}
    wanted = {spec.name: spec for spec in specs}
    if len(by_name) != len(inputs) or by_name.keys() != wanted.keys():
        raise RequestError(f"inputs must be exactly {', '.join(wanted)}")
    tensors = {}
    for name, entry in by_name.items():
        tensors[name], used = _tensor(entry, wanted[name], blob, max_rows)
        blob = blob[used:]
    if len(blob):
        raise RequestError(f"{len(blob)} bytes follow the last tensor")
    identity = head.get("id")
    outputs = _outputs(head.get("outputs"))
    return InferRequest(
        identity if isinstance(identity, str) else None, tensors, outputs, _flag(head, "binary_data_output")
    )


def encode_infer(
    model: str, request: InferRequest, results: Mapping[str, NDArray[Any]]
) -> tuple[bytes, dict[str, str]]:
    """Return the response's body and headers; a result is binary where the request asked for that."""
    outputs, blobs = [], []
    for name, values in results.items():
        if not request.wants(name):
            continue
        entry: dict[str, Any] = {"name": name, "datatype": _NAMES[values.dtype], "shape": list(values.shape)}
        if request.binary if request.outputs is None else request.outputs[name]:
            blob = np.ascontiguousarray(values).tobytes()
            entry["parameters"] = {"binary_data_size": len(blob)}
            blobs.append(blob)
        else:
            entry["data"] = values.ravel().tolist()
        outputs.append(entry)
    response: dict[str, Any] = {"model_name": model, "model_version": "1", "outputs": outputs}
    if request.id is not None:
        response["id"] = request.id
    head = json.dumps(response, allow_nan=False).encode()
    if not blobs:
        return head, {"content-type": "application/json"}
    return b"".join([head, *blobs]), {"content-type": "application/octet-stream", HEADER_LENGTH: str(len(head))}


def _header_length(text: str, size: int) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 12 or int(text) > size:
        raise RequestError(f"{HEADER_LENGTH} must be a number of bytes within the body")
    return int(text)


def _tensor(entry: Mapping[str, Any], spec: TensorSpec, blob: memoryview, max_rows: int) -> tuple[NDArray[Any], int]:
    """Return the tensor and how many bytes of ``blob`` it took."""
    kind = entry.get("datatype")
    if kind not in spec.kinds:
        raise RequestError(f"input {spec.name}: datatype {_brief(kind)}; accepted: {', '.join(spec.kinds)}")
    shape = _shape(entry.get("shape"), spec, max_rows)
    count = math.prod(shape)
    size = _parameters(entry).get("binary_data_size")
    if size is None:
        return _from_list(entry.get("data"), str(kind), spec.name, count).reshape(shape), 0
    if isinstance(size, bool) or not isinstance(size, int) or not 0 <= size <= len(blob):
        raise RequestError(f"input {spec.name}: binary_data_size {_brief(size)} exceeds the body")
    raw = bytes(blob[:size])
    values = (
        _from_text_bytes(raw, spec.name, count) if kind == "BYTES" else _from_bytes(raw, str(kind), spec.name, count)
    )
    return values.reshape(shape), size


def _shape(shape: Any, spec: TensorSpec, max_rows: int) -> tuple[int, ...]:
    whole = isinstance(shape, list) and all(isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in shape)
    fits = whole and len(shape) == len(spec.shape)
    if not fits or not all(want in (-1, n) for n, want in zip(shape, spec.shape, strict=True)):
        raise RequestError(f"input {spec.name}: shape {_brief(shape)}; accepted: {list(spec.shape)} (-1: any)")
    if shape[0] > max_rows:
        raise RequestError(f"input {spec.name}: {_brief(shape[0])} rows; at most {max_rows} a request", 413)
    return tuple(shape)


def _from_list(data: Any, kind: str, name: str, count: int) -> NDArray[Any]:
    flat = _flattened(data)
    if flat is None or len(flat) != count:
        raise RequestError(f"input {name}: data must be a list of {count} values")
    accepted: tuple[type, ...] = {"BYTES": (str,), "INT64": (int,), "INT32": (int,)}.get(kind, (int, float))
    if not all(isinstance(value, accepted) and not isinstance(value, bool) for value in flat):
        raise RequestError(f"input {name}: data must be {kind} values")
    try:
        # A number beyond the type becomes infinite, as in a binary tensor.
        with np.errstate(over="ignore"):
            return np.array(flat, dtype=object if kind == "BYTES" else _KINDS[kind])
    except OverflowError:
        raise RequestError(f"input {name}: a value does not fit {kind}") from None


def _flattened(data: Any) -> list[Any] | None:
    """Return the values of a list, or of a list of lists (the protocol allows both)."""
    if not isinstance(data, list):
        return None
    if data and all(isinstance(row, list) for row in data):
        return [value for row in data for value in row]
    return data


def _from_bytes(raw: bytes, kind: str, name: str, count: int) -> NDArray[Any]:
    values = np.dtype(_KINDS[kind]).newbyteorder("<")
    if len(raw) != count * values.itemsize:
        raise RequestError(f"input {name}: {len(raw)} bytes are not {count} values of {kind}")
    return np.frombuffer(raw, dtype=values).astype(_KINDS[kind])


def _from_text_bytes(raw: bytes, name: str, count: int) -> NDArray[Any]:
    """Each text is its length as four bytes, then UTF-8."""
    texts, at = [], 0
    try:
        while at < len(raw):
            stop = at + 4 + int.from_bytes(raw[at : at + 4], "little")
            if stop > len(raw):
                break
            texts.append(raw[at + 4 : stop].decode())
            at = stop
    except UnicodeDecodeError:
        raise RequestError(f"input {name}: text is not UTF-8") from None
    if at != len(raw) or len(texts) != count:
        raise RequestError(f"input {name}: the bytes are not {count} texts with their lengths")
    return np.array(texts, dtype=object)


def _brief(value: object) -> str:
    try:
        return repr(value)[:60]
    except ValueError:  # a whole number of more digits than Python prints
        return "a huge number"


def _outputs(entries: Any) -> dict[str, bool] | None:
    """Return wanted outputs and whether each is to be binary; None: all of them."""
    if entries is None:
        return None
    if not isinstance(entries, list) or not all(
        isinstance(e, dict) and isinstance(e.get("name"), str) for e in entries
    ):
        raise RequestError("outputs must be a list of objects with a name")
    return {entry["name"]: _flag(entry, "binary_data") for entry in entries}


def _flag(entry: Mapping[str, Any], name: str) -> bool:
    return _parameters(entry).get(name) is True


def _parameters(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    parameters = entry.get("parameters", {})
    if not isinstance(parameters, dict):
        raise RequestError("parameters must be an object")
    return parameters
