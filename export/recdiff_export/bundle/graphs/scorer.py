"""scorer.onnx and fake_score.onnx (two table rows -> fake_score), scorer_by_id.onnx (two positions -> fake_score).

The whole formula is inside, calibration included, so that no runtime writes it again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from recdiff.scorer.pair_scorer import Span
from recdiff_export.bundle.graphs.stored import stored_score
from recdiff_export.bundle.graphs.term_plan import Block, Factors, Run, arrange_columns, plan_blocks
from recdiff_export.bundle.graphs.writer import FLOAT, FLOAT16, INT64, Graph
from recdiff_export.bundle.names import TABLE_FILE
from recdiff_export.bundle.parts import FittedEdges, ScorerWeights

# exp stays finite in float32 below this; a posterior is 0 or 1 to the last bit long before.
ODDS_LIMIT = 80.0


def scorer_graph(weights: ScorerWeights, *, kinds: bool = True) -> Graph:
    """Return the graph src_row (B, F), dst_row (B, F) -> fake_score (B,), kinds (B, K).

    Rows are rows of the packed table, in its type. ``kinds=False`` leaves the second output out.
    """
    graph = Graph("scorer" if kinds else "fake_score")
    kind, width = _table_type(weights)
    rows = [graph.input(name, kind, ["batch", width]) for name in ("src_row", "dst_row")]
    _posterior(graph, weights, rows, kinds=kinds)
    return graph


def scorer_by_id_graph(weights: ScorerWeights, fitted: FittedEdges | None = None) -> Graph:
    """Return the graph src (B,), dst (B,) int64 user positions -> the same outputs.

    A negative position is an unknown user: its pair scores NaN, as one user twice does. ONNX would read -1 as the
    table's last row.

    Args:
        fitted: edges whose stored score is returned instead of a computed one; their files are those of
            ``sorted_edges``. The kinds are then shares of the stored score.
    """
    graph = Graph("scorer_by_id")
    kind, width = _table_type(weights)
    table = graph.table("user_table", TABLE_FILE, kind, (len(weights.table), width))
    zero = graph.constant(0, np.int64)
    positions = [graph.input(name, INT64, ["batch"]) for name in ("src", "dst")]
    rows = [graph.add("Gather", table, graph.add("Max", position, zero), axis=0) for position in positions]
    stored = None if fitted is None else stored_score(graph, fitted, len(weights.table), positions)
    none = graph.add("Or", graph.add("Less", graph.add("Min", *positions), zero), graph.add("Equal", *positions))
    _posterior(graph, weights, rows, none=none, stored=stored)
    return graph


def _table_type(weights: ScorerWeights) -> tuple[int, int]:
    table = weights.packed
    return FLOAT16 if table.dtype == np.float16 else FLOAT, table.shape[1]


def _posterior(
    graph: Graph,
    weights: ScorerWeights,
    rows: Sequence[str],
    *,
    none: str | None = None,
    stored: tuple[str, str] | None = None,
    kinds: bool = True,
) -> None:
    """Declare fake_score and kinds of two gathered rows.

    Where the (B,) mask ``stored[0]`` holds the score is ``stored[1]``, and NaN where the mask ``none`` holds.

    With d_k = z_k - z_0 (folded into the last layer) and e_k = exp(d_k): the odds are log sum e_k, and a kind's
    share of the fake is e_k / sum e_k. Real edges that look like fakes lower the odds o to o / (1 + r o).
    """
    each = graph.add("Clip", _log_odds(graph, weights, rows), graph.constant(-ODDS_LIMIT), graph.constant(ODDS_LIMIT))
    parts = graph.add("Exp", each)
    # Vectors from here on: operators on (B, 1) cost several times as much.
    total = graph.add("ReduceSum", parts, graph.constant([1], np.int64), keepdims=0)
    slope, intercept = (graph.constant(value) for value in weights.calibration)
    odds = total
    if weights.alike:
        more = graph.add("Add", graph.add("Mul", total, graph.constant(weights.alike)), graph.constant(1.0))
        odds = graph.add("Div", total, more)
    fake = graph.add("Sigmoid", graph.add("Add", graph.add("Mul", graph.add("Log", odds), slope), intercept))
    if stored is not None:
        fake = graph.add("Where", *stored, fake)
    if none is not None:
        fake = graph.add("Where", none, graph.constant(np.nan), fake)
    graph.output("fake_score", fake, FLOAT, ["batch"])
    if kinds:
        share = graph.add("Unsqueeze", graph.add("Div", fake, total), graph.constant([1], np.int64))
        shares = graph.add("Mul", parts, share)
        graph.output("kinds", shares, FLOAT, ["batch", weights.kinds])


def _log_odds(graph: Graph, weights: ScorerWeights, rows: Sequence[str]) -> str:
    """Return z_k - z_0 with the prior correction, (B, K)."""
    hidden, order = _features(graph, weights, rows)
    layers = [(weight.astype(np.float64), bias.astype(np.float64)) for weight, bias in weights.layers]
    layers[-1] = (layers[-1][0], layers[-1][1] + weights.offset)
    layers[-1] = (layers[-1][0][1:] - layers[-1][0][:1], layers[-1][1][1:] - layers[-1][1][:1])
    layers[0] = (layers[0][0][:, order], layers[0][1])
    for index, (weight, bias) in enumerate(layers):
        hidden = graph.linear(graph.silu(hidden) if index else hidden, weight, bias)
    return hidden


def _features(graph: Graph, weights: ScorerWeights, rows: Sequence[str]) -> tuple[str, list[int]]:
    """Return clip((features - mean) / scale, +-clip), (B, N), and which feature each column is.

    (f - mean) / scale = f * gain + shift; where features are sums through a matrix, the gain goes into it.
    """
    kind, width = _table_type(weights)
    whole = [graph.add("Cast", row, to=FLOAT) if kind == FLOAT16 else row for row in rows]
    pair = _Pair(graph, whole[0], whole[1], width)
    gain = 1.0 / weights.scale.astype(np.float64)
    blocks, order, gains = [], [], []
    for block in plan_blocks(weights.terms, arrange_columns(weights.terms)):
        chosen = list(block.features)
        values, scale = pair.columns(block), gain[chosen].astype(np.float32)
        if block.sums is not None:
            values = graph.add("MatMul", values, graph.constant(block.sums * scale))
            scale = np.ones_like(scale)
        blocks.append(values if block.factors is None else graph.add("Mul", values, pair.factors(block.factors)))
        gains.append(scale)
        order += chosen
    joined = graph.add("Concat", *blocks, axis=1) if len(blocks) > 1 else blocks[0]
    scales = np.concatenate(gains)
    scaled = joined if (scales == 1.0).all() else graph.add("Mul", joined, graph.constant(scales))
    shifted = graph.add("Add", scaled, graph.constant((-weights.mean * gain)[order].astype(np.float32)))
    return graph.add("Clip", shifted, graph.constant(-weights.clip), graph.constant(weights.clip)), order


@dataclass
class _Pair:
    """Two gathered rows (B, F) and the pieces of them already cut: a cut copies, so each is made once."""

    graph: Graph
    src: str
    dst: str
    width: int
    made: dict[tuple[str, Span], str] = field(default_factory=dict)

    def columns(self, block: Block) -> str:
        """Return the block's elementwise columns, (B, P)."""
        return self._joined(block.operation, block.runs)

    def factors(self, factors: Factors) -> str:
        """Return what summed features are multiplied by, (B, features)."""
        graph = self.graph
        taken = graph.add("MatMul", self._joined("product", factors.runs), graph.constant(factors.chosen))
        return graph.add("Add", taken, graph.constant(factors.plain)) if factors.plain.any() else taken

    def _joined(self, operation: str, wanted: Sequence[Run]) -> str:
        runs = [self._run(operation, run) for run in wanted]
        return self.graph.add("Concat", *runs, axis=1) if len(runs) > 1 else runs[0]

    def _run(self, operation: str, run: Run) -> str:
        graph, src, dst = self.graph, self.src, self.dst
        if operation == "src":
            return self._cut(src, run.left)
        if operation == "dst":
            return self._cut(dst, run.right)
        a, b = self._cut(src, run.left), self._cut(dst, run.right)
        if operation == "gap":
            return graph.add("Abs", graph.add("Sub", a, b))
        return graph.add({"product": "Mul", "sum": "Add", "low": "Min"}[operation], a, b)

    def _cut(self, row: str, span: Span) -> str:
        """Return the columns ``span`` of ``row``; the whole row is not copied."""
        if span == (0, self.width):
            return row
        if (row, span) not in self.made:
            bounds = (self.graph.constant([edge], np.int64) for edge in (*span, 1))
            self.made[row, span] = self.graph.add("Slice", row, *bounds)
        return self.made[row, span]
