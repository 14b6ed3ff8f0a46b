"""scorer.onnx (two table rows -> fake_score) and scorer_by_id.onnx (two user positions -> fake_score).

The whole formula is inside, calibration included, so that no runtime writes it again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from recdiff_export.layout import TABLE_FILE
from recdiff_export.operators import FLOAT, FLOAT16, INT64, Graph
from recdiff_export.pair_plan import Block, Run, Span, plan_blocks
from recdiff_export.parts import Float32, ScorerWeights


def table_type(table: Float32) -> type[np.generic]:
    """Return float16 where it holds every value of ``table`` exactly (half the memory to gather), else float32."""
    with np.errstate(over="ignore"):
        exact = np.array_equal(table.astype(np.float16).astype(np.float32), table)
    return np.float16 if exact else np.float32


def scorer_graph(weights: ScorerWeights) -> Graph:
    """Return the graph src_row (B, F), dst_row (B, F) -> fake_score (B,), kinds (B, K).

    Rows have the table's type, float32 or float16.
    """
    graph = Graph("scorer")
    kind = _onnx_type(weights)
    rows = [graph.input(name, kind, ["batch", weights.table.shape[1]]) for name in ("src_row", "dst_row")]
    _posterior(graph, weights, rows)
    return graph


def scorer_by_id_graph(weights: ScorerWeights) -> Graph:
    """Return the graph src (B,), dst (B,) int64 user positions -> the same outputs.

    A negative position is an unknown user: its pair scores NaN. ONNX would read -1 as the table's last row.
    """
    graph = Graph("scorer_by_id")
    table = graph.table("user_table", TABLE_FILE, _onnx_type(weights), weights.table.shape)
    zero = graph.constant(0, np.int64)
    positions = [graph.input(name, INT64, ["batch"]) for name in ("src", "dst")]
    rows = [graph.add("Gather", table, graph.add("Max", position, zero), axis=0) for position in positions]
    unknown = graph.add(
        "Unsqueeze", graph.add("Less", graph.add("Min", *positions), zero), graph.constant([1], np.int64)
    )
    _posterior(graph, weights, rows, unknown)
    return graph


def _onnx_type(weights: ScorerWeights) -> int:
    return FLOAT16 if table_type(weights.table) is np.float16 else FLOAT


def _posterior(graph: Graph, weights: ScorerWeights, rows: Sequence[str], unknown: str | None = None) -> None:
    """Declare fake_score and kinds of two gathered rows; NaN where the (B, 1) mask ``unknown`` holds."""
    hidden, order = _features(graph, weights, rows)
    for index, (weight, bias) in enumerate(weights.layers[:-1]):
        hidden = graph.silu(graph.linear(hidden, weight if index else weight[:, order], bias))
    weight, bias = weights.layers[-1]
    if len(weights.layers) == 1:
        weight = weight[:, order]
    logits = graph.linear(hidden, weight, (bias.astype(np.float64) + weights.offset).astype(np.float32))
    observed, kinds = graph.add_many("Split", 2, logits, graph.constant([1, weights.kinds], np.int64), axis=1)
    column = graph.constant([1], np.int64)
    odds = graph.add("Sub", graph.add("ReduceLogSumExp", kinds, column, keepdims=1), observed)
    slope, intercept = (graph.constant(value) for value in weights.calibration)
    fake = graph.add("Sigmoid", graph.add("Add", graph.add("Mul", odds, slope), intercept))
    if unknown is not None:
        fake = graph.add("Where", unknown, graph.constant(np.nan), fake)
    shares = graph.add("Mul", fake, graph.add("Softmax", kinds, axis=1))
    graph.output("fake_score", graph.add("Squeeze", fake, column), FLOAT, ["batch"])
    graph.output("kinds", shares, FLOAT, ["batch", weights.kinds])


def _features(graph: Graph, weights: ScorerWeights, rows: Sequence[str]) -> tuple[str, list[int]]:
    """Return clip((features - mean) / scale, +-clip), (B, N), and which feature each column is.

    (f - mean) / scale = f * gain + shift; where features are sums through a matrix, the gain goes into it.
    """
    pair = _Pair(graph, rows[0], rows[1], weights.table.shape[1], _onnx_type(weights) == FLOAT16)
    gain = 1.0 / weights.scale.astype(np.float64)
    blocks, order = [], []
    for block in plan_blocks(weights.terms):
        chosen = list(block.features)
        values, scale = pair.columns(block), gain[chosen].astype(np.float32)
        if block.sums is None:
            blocks.append(graph.add("Mul", values, graph.constant(scale)))
        else:
            blocks.append(graph.add("MatMul", values, graph.constant(block.sums * scale)))
        order += chosen
    joined = graph.add("Concat", *blocks, axis=1) if len(blocks) > 1 else blocks[0]
    shifted = graph.add("Add", joined, graph.constant((-weights.mean * gain)[order].astype(np.float32)))
    return graph.add("Clip", shifted, graph.constant(-weights.clip), graph.constant(weights.clip)), order


@dataclass
class _Pair:
    """Two gathered rows (B, F) and the pieces of them already cut: a cut copies, so each is made once."""

    graph: Graph
    src: str
    dst: str
    width: int
    half: bool
    made: dict[tuple[str, Span], str] = field(default_factory=dict)

    def columns(self, block: Block) -> str:
        """Return the block's elementwise columns, (B, P)."""
        runs = [self._run(block.operation, run) for run in block.runs]
        return self.graph.add("Concat", *runs, axis=1) if len(runs) > 1 else runs[0]

    def _run(self, operation: str, run: Run) -> str:
        graph, src, dst = self.graph, self.src, self.dst
        if operation == "cross":
            there = graph.add("Mul", self._cut(src, run.left), self._cut(dst, run.right))
            back = graph.add("Mul", self._cut(dst, run.left), self._cut(src, run.right))
            return graph.add("Add", there, back)
        if operation in ("src", "dst"):
            return self._cut(src, run.left) if operation == "src" else self._cut(dst, run.right)
        a, b = self._cut(src, run.left), self._cut(dst, run.right)
        if operation == "gap":
            return graph.add("Abs", graph.add("Sub", a, b))
        return graph.add("Mul" if operation == "product" else "Add", a, b)

    def _cut(self, row: str, span: Span) -> str:
        """Return the columns ``span`` of ``row`` in float32; the whole row is not copied."""
        if (row, span) not in self.made:
            columns = row
            if span != (0, self.width):
                bounds = (self.graph.constant([edge], np.int64) for edge in (*span, 1))
                columns = self.graph.add("Slice", row, *bounds)
            self.made[row, span] = self.graph.add("Cast", columns, to=FLOAT) if self.half else columns
        return self.made[row, span]
