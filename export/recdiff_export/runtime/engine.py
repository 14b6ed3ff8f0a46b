"""The one place that runs the pair scorer: by gathered rows on a processor, by position on a card."""

from __future__ import annotations

import threading
from typing import Any, Protocol

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from recdiff.arrays import Float32, Int64
from recdiff_export.runtime.provider import GraphFile, Spec

Rows = NDArray[np.floating[Any]]

# Table values gathered per side and call on a processor, so that a call's rows stay in a core's second-level cache.
_CACHED_VALUES = 1 << 17
_FEWEST_ROWS, _MOST_ROWS = 256, 2048
_VECTOR_ROWS = 16
SCORES: Spec = ("float32", (None,))
# A card wants many rows to fill it.
DEVICE_ROWS = 1 << 18


class Engine(Protocol):
    """Scores known pairs of user positions with the full-graph table."""

    def score(self, src: Int64, dst: Int64) -> Float32:
        """Return fake_score (B,) of positions (B,) that are all inside the table."""
        ...


class RowEngine:
    """Gathers rows from the mapped table with NumPy and runs fake_score.onnx, one core per calling thread.

    NumPy's gather costs less than half of the runtime's own on a processor, and the mapped table is shared by
    all processes that serve the same bundle.
    """

    def __init__(self, graph: GraphFile, table: Rows) -> None:
        rows: Spec = (str(table.dtype), (None, table.shape[1]))
        self._graph = graph.require({"src_row": rows, "dst_row": rows}, {"fake_score": SCORES})
        self._table = table
        self._rows = max(_FEWEST_ROWS, min(_MOST_ROWS, _CACHED_VALUES // max(table.shape[1], 1)))
        self._rows -= self._rows % _VECTOR_ROWS
        self._space = threading.local()

    def score(self, src: Int64, dst: Int64) -> Float32:
        """Return fake_score (B,) of positions (B,)."""
        out = np.empty(len(src), np.float32)
        left, right = self._buffers()
        for start in range(0, len(src), self._rows):
            stop = min(start + self._rows, len(src))
            count = stop - start
            a, b = left[:count], right[:count]
            # Positions were checked; "clip" spares NumPy the second buffer that "raise" needs with ``out``.
            np.take(self._table, src[start:stop], axis=0, out=a, mode="clip")
            np.take(self._table, dst[start:stop], axis=0, out=b, mode="clip")
            # Whole vectors only: the remainder of an array takes other instructions, and its last bit would depend
            # on where in a batch a pair stands. What the spare rows hold is ignored.
            whole = -(-count // _VECTOR_ROWS) * _VECTOR_ROWS
            rows = {"src_row": left[:whole], "dst_row": right[:whole]}
            (found,) = self._graph.run(["fake_score"], rows, rows=whole)
            out[start:stop] = found[:count]
        return out

    def _buffers(self) -> tuple[Rows, Rows]:
        if not hasattr(self._space, "rows"):
            shape = (self._rows, self._table.shape[1])
            self._space.rows = (np.zeros(shape, self._table.dtype), np.zeros(shape, self._table.dtype))
        rows: tuple[Rows, Rows] = self._space.rows
        return rows


class DeviceEngine:
    """Runs scorer_by_id.onnx with its table on the session's device: positions go in, scores come out."""

    def __init__(self, graph: GraphFile, device: str) -> None:
        positions: Spec = ("int64", (None,))
        self._session = graph.require({"src": positions, "dst": positions}, {"fake_score": SCORES}).session
        self._device = device
        # One card, one queue: calls side by side would only hold more of its memory.
        self._turn = threading.Lock()

    def score(self, src: Int64, dst: Int64) -> Float32:
        """Return fake_score (B,) of positions (B,)."""
        out = np.empty(len(src), np.float32)
        for start in range(0, len(src), DEVICE_ROWS):
            rows = slice(start, start + DEVICE_ROWS)
            with self._turn:
                out[rows] = self._bound(src[rows], dst[rows])
        return out

    def _bound(self, src: Int64, dst: Int64) -> Float32:
        binding = self._session.io_binding()
        for name, positions in (("src", src), ("dst", dst)):
            held = ort.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(positions), self._device, 0)
            binding.bind_ortvalue_input(name, held)
        binding.bind_output("fake_score", self._device, 0)
        binding.bind_output("kinds", self._device, 0)
        self._session.run_with_iobinding(binding)
        scores: Float32 = binding.get_outputs()[0].numpy()
        return scores
