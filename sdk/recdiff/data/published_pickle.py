"""Read the data set of the published RecDiff code: a pickle of sparse matrices, without running any of it.

The file is a dict with ``train``, ``val`` and ``test`` (U, I) and ``trust`` (U, U). Its pickle is read with inert
stand-ins for the array constructors of numpy and scipy, which only record what they are given; every other name it
asks for is refused. Arrays are then built here, from plain bytes and a checked numeric type.
"""

from __future__ import annotations

import io
import pickle
import pickletools
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from recdiff.arrays import Int64
from recdiff.data.problems import Problem, data_error, did_you_mean, shorten
from recdiff.machine.memory import Budget

_MATRICES = {"train": "train", "validation": "val", "test": "test", "trust": "trust"}
_NUMBERS = frozenset({"b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"})
_MAX_SIZE = 100_000_000
"""Most users or items accepted."""
_EACH = 256
"""Bytes taken for each user or item, whether or not it has entries."""
_MAX_MEMO = 1 << 20
"""Largest memo slot accepted: a slot number is also a size to allocate."""


@dataclass(frozen=True)
class Published:
    """The published data.

    Attributes:
        train: CSR (U, I); validation and test likewise.
        src: int64 (rows,) user positions of the trust matrix's rows.
        dst: int64 (rows,) of its columns.
    """

    train: sp.csr_matrix
    validation: sp.csr_matrix
    test: sp.csr_matrix
    src: Int64
    dst: Int64


class RefusedError(Exception):
    """The pickle holds something that is no numpy or scipy array."""


class _Recorder:
    """What stands in for a constructor: keeps its arguments and state, and does nothing."""

    args: tuple[Any, ...]
    state: Any

    def __new__(cls, *args: Any) -> _Recorder:
        made = super().__new__(cls)
        made.args, made.state = args, None
        return made

    def __init__(self, *args: Any) -> None:
        """Accept what ``__new__`` has recorded."""

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _Dtype(_Recorder):
    """numpy.dtype(name, align, copy)."""


class _Array(_Recorder):
    """numpy's _reconstruct(ndarray, shape, kind), then state (version, shape, dtype, order, bytes)."""


class _Buffer(_Recorder):
    """numpy's _frombuffer(bytes, dtype, shape, order): how protocol 5 writes arrays."""


class _Scalar(_Recorder):
    """numpy's scalar(dtype, bytes)."""


class _Sparse(_Recorder):
    """A scipy sparse matrix, with its attributes as state."""


class _Text(_Recorder):
    """_codecs.encode(text, encoding): how protocol 2 writes bytes."""


_STAND_INS: dict[tuple[str, str], type[_Recorder]] = {
    ("numpy", "dtype"): _Dtype,
    ("numpy", "ndarray"): _Array,
    **{(f"numpy.{core}.multiarray", "_reconstruct"): _Array for core in ("core", "_core")},
    **{(f"numpy.{core}.numeric", "_frombuffer"): _Buffer for core in ("core", "_core")},
    **{(f"numpy.{core}.multiarray", "scalar"): _Scalar for core in ("core", "_core")},
    **{(f"scipy.sparse.{dot}{kind}", f"{kind}_matrix"): _Sparse for kind in ("coo", "csr") for dot in ("", "_")},
    ("_codecs", "encode"): _Text,
}


class _ArrayUnpickler(pickle._Unpickler):
    """Resolves the array constructors to recorders and refuses every other name, and keys that are no names.

    Python's own form of the unpickler, whose steps can be looked at: to hash a key of tuples that hold one another
    twice takes for ever. Arrays come as bytes, so there are few steps.
    """

    stack: list[Any]
    dispatch: ClassVar[dict[int, Any]] = dict(pickle._Unpickler.dispatch)

    def find_class(self, module: str, name: str) -> Any:
        stand_in = _STAND_INS.get((module, name))
        if stand_in is None:
            raise RefusedError(f"it asks for {module}.{name}; only numpy and scipy.sparse arrays are read")
        return stand_in

    def persistent_load(self, pid: Any) -> Any:
        raise RefusedError("it refers to objects outside the file")

    def load_item(self) -> None:
        """Put one value into a dict."""
        _check_keys(self.stack[-2:-1])
        super().load_setitem()  # type: ignore[misc]

    def load_items(self) -> None:
        """Put values into a dict."""
        _check_keys(self.stack[::2])
        super().load_setitems()  # type: ignore[misc]

    def load_made(self) -> None:
        """Make a dict."""
        _check_keys(self.stack[::2])
        super().load_dict()  # type: ignore[misc]

    def load_set(self) -> None:
        """Refuse sets, whose elements are keys."""
        raise RefusedError("it holds a set; only numpy and scipy.sparse arrays are read")

    dispatch |= {pickle.SETITEM[0]: load_item, pickle.SETITEMS[0]: load_items, pickle.DICT[0]: load_made}
    dispatch |= dict.fromkeys((pickle.EMPTY_SET[0], pickle.ADDITEMS[0], pickle.FROZENSET[0]), load_set)


def _check_keys(keys: list[Any]) -> None:
    if any(isinstance(key, tuple) for key in keys):
        raise RefusedError("a dict has a tuple for a key; accepted are names")


def read_published(path: Path) -> Published:
    """Read the published pickle at ``path``, plain or as the only file of a zip.

    Raises:
        DataError: it asks for anything but numpy and scipy arrays, or it is damaged or of another form.
    """
    try:
        content = _load(_bytes_of(path))
        budget = Budget(path)
        parts = {name: _matrix(_entry(content, key), key, budget) for name, key in _MATRICES.items()}
        return _check(parts)
    except RefusedError as refusal:
        raise data_error(path, [Problem(f"not the published data set: {refusal}")]) from None


def _bytes_of(path: Path) -> bytes:
    budget = Budget(path)
    if path.suffix != ".zip":
        budget.take(2 * path.stat().st_size)
        return path.read_bytes()
    try:
        with zipfile.ZipFile(path) as archive:
            # macOS adds a folder of its own to every archive.
            names = [name for name in archive.namelist() if name.endswith(".pkl") and "__MACOSX" not in name]
            if len(names) != 1:
                raise RefusedError(f"the archive holds {len(names)} .pkl files; it must hold one")
            budget.take(2 * archive.getinfo(names[0]).file_size)
            return archive.read(names[0])
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, EOFError) as error:
        raise RefusedError(f"the archive cannot be read: {error}") from None


def _load(data: bytes) -> Any:
    try:
        for opcode, arg, _ in pickletools.genops(data):
            if opcode.name.endswith("PUT") and isinstance(arg, int) and arg > _MAX_MEMO:
                raise RefusedError(f"it numbers {arg:,} objects")
        return _ArrayUnpickler(io.BytesIO(data)).load()
    except RefusedError:
        raise
    except Exception as error:  # a broken or hostile stream can fail anywhere in any way
        raise RefusedError(f"the pickle is damaged ({type(error).__name__}: {shorten(str(error))})") from None


def _entry(content: Any, key: str) -> Any:
    if not isinstance(content, dict):
        raise RefusedError(f"it is a {type(content).__name__}; accepted: a dict with {', '.join(_MATRICES.values())}")
    if key not in content:
        names = [name[:80] for name in content if isinstance(name, str)][:1_000]
        raise RefusedError(
            f"the dict has no {key!r}{did_you_mean(key, names)}; it has {', '.join(names[:10]) or 'nothing'}"
        )
    return content[key]


def _matrix(record: Any, key: str, budget: Budget) -> sp.csr_matrix:
    state = record.state if isinstance(record, _Sparse) else None
    if not isinstance(state, dict):
        raise RefusedError(f"{key!r} is no scipy.sparse matrix")
    shape = state.get("_shape", state.get("shape"))
    if not (
        isinstance(shape, tuple) and len(shape) == 2 and all(type(n) is int and 0 <= n <= _MAX_SIZE for n in shape)
    ):
        raise RefusedError(
            f"{key!r} has the shape {shorten(shape)}; accepted: (rows, columns), each up to {_MAX_SIZE:,}"
        )
    budget.take(sum(shape) * _EACH)
    values = _array(state.get("data"), key)
    if "indptr" in state:
        rows, columns = _compressed(state, shape, key)
    else:
        pair = state.get("coords", (state.get("row"), state.get("col")))
        if not (isinstance(pair, tuple | list) and len(pair) == 2):
            raise RefusedError(f"{key!r} lacks rows and columns")
        rows, columns = (_array(part, key) for part in pair)
    if not len(rows) == len(columns) == len(values):
        raise RefusedError(f"{key!r} has {len(rows)} rows, {len(columns)} columns and {len(values)} values")
    for at, size in ((rows, shape[0]), (columns, shape[1])):
        if at.size and (at.dtype.kind not in "iu" or at.min() < 0 or at.max() >= size):
            raise RefusedError(f"{key!r} points outside its shape {shape}")
    present = values != 0
    pairs = (rows[present].astype(np.int64), columns[present].astype(np.int64))
    return sp.csr_matrix((np.ones(int(present.sum()), np.float32), pairs), shape=shape)


def _compressed(state: dict[str, Any], shape: tuple[int, int], key: str) -> tuple[NDArray[Any], NDArray[Any]]:
    pointers, inner = _array(state["indptr"], key), _array(state.get("indices"), key)
    if len(pointers) != shape[0] + 1 or pointers.dtype.kind not in "iu":
        raise RefusedError(f"{key!r} has {len(pointers)} row pointers for {shape[0]} rows")
    counts: Int64 = np.diff(pointers.astype(np.int64)).astype(np.int64)
    if pointers[0] != 0 or (counts < 0).any() or pointers[-1] != len(inner):
        raise RefusedError(f"{key!r} has row pointers out of order")
    return np.repeat(np.arange(shape[0]), counts), inner


def _array(record: Any, key: str) -> NDArray[Any]:
    """Build a one-dimensional array of numbers from what was recorded of it."""
    if isinstance(record, _Buffer) and len(record.args) == 4:
        raw, dtype, shape, _ = record.args
    elif isinstance(record, _Array) and isinstance(record.state, tuple) and len(record.state) == 5:
        _, shape, dtype, _, raw = record.state
    else:
        raise RefusedError(f"{key!r} holds something that is no numpy array")
    kind, data = _dtype(dtype, key), _raw(raw, key)
    if not (isinstance(shape, tuple) and len(shape) == 1) or len(data) != shape[0] * kind.itemsize:
        raise RefusedError(f"{key!r} holds an array of shape {shorten(shape)} in {len(data)} bytes of {kind}")
    return np.frombuffer(data, kind)


def _dtype(record: Any, key: str) -> np.dtype[Any]:
    name = record.args[0] if isinstance(record, _Dtype) and record.args else None
    if name not in _NUMBERS:
        raise RefusedError(f"{key!r} holds values of type {shorten(name)}; accepted: {', '.join(sorted(_NUMBERS))}")
    state = record.state
    big = isinstance(state, tuple) and len(state) > 1 and state[1] == ">"
    return np.dtype(f"{'>' if big else '<'}{name}")


def _raw(raw: Any, key: str) -> bytes:
    if isinstance(raw, bytes | bytearray):
        return bytes(raw)
    if isinstance(raw, _Text) and len(raw.args) == 2 and raw.args[1] == "latin1" and isinstance(raw.args[0], str):
        return raw.args[0].encode("latin1")
    raise RefusedError(f"{key!r} holds an array without bytes")


def _check(parts: dict[str, sp.csr_matrix]) -> Published:
    shape, trust = parts["train"].shape, parts["trust"]
    for name in ("validation", "test"):
        if parts[name].shape != shape:
            raise RefusedError(f"{_MATRICES[name]!r} has shape {parts[name].shape}, 'train' has {shape}")
    if trust.shape != (shape[0], shape[0]):
        raise RefusedError(f"'trust' has shape {trust.shape} for {shape[0]} users")
    arcs = trust.tocoo()
    return Published(
        parts["train"], parts["validation"], parts["test"], arcs.row.astype(np.int64), arcs.col.astype(np.int64)
    )
