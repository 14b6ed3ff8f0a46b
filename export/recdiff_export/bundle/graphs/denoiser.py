"""denoiser.onnx: user embeddings (B, D) -> denoised (B, D), the whole reverse walk in one graph."""

from __future__ import annotations

import numpy as np

from recdiff_export.bundle.graphs.writer import FLOAT, INT64, Graph
from recdiff_export.bundle.parts import DenoiserWeights

# Above this many steps a Loop is smaller and as fast on a processor; below, the unrolled form is the one a
# CUDA graph can hold.
UNROLL_LIMIT = 100
NORM_FLOOR = 1e-12


def denoiser_graph(weights: DenoiserWeights) -> Graph:
    """Return the graph of the reverse walk: unrolled up to ``UNROLL_LIMIT`` steps, a Loop above."""
    graph = Graph("denoiser")
    rows = graph.input("embedding", FLOAT, ["batch", weights.width])
    walk = _unrolled if weights.steps <= UNROLL_LIMIT else _looped
    graph.output("denoised", walk(graph, weights, rows), FLOAT, ["batch", weights.width])
    return graph


def _unrolled(graph: Graph, weights: DenoiserWeights, rows: str) -> str:
    last_weight, last_bias = weights.further[-1]
    for t in reversed(range(weights.steps)):
        c0, ct = float(weights.c0[t]), float(weights.ct[t])
        hidden = _first(graph, weights, rows, graph.constant(weights.step_bias[t]))
        hidden = _middle(graph, weights, hidden)
        # One Gemm does both sums: c0 * (hidden @ W) + ct * x_t; only the scaled bias is left to add.
        moved = graph.add("Gemm", hidden, graph.constant(last_weight.T), rows, alpha=c0, beta=ct)
        rows = graph.add("Add", moved, graph.constant((c0 * last_bias.astype(np.float64)).astype(np.float32)))
    return rows


def _looped(graph: Graph, weights: DenoiserWeights, rows: str) -> str:
    """Loop over t = T-1 .. 0; the per-step bias and constants are rows of reversed tables."""
    bias = graph.constant(weights.step_bias[::-1])
    c0 = graph.constant(weights.c0[::-1].astype(np.float32))
    ct = graph.constant(weights.ct[::-1].astype(np.float32))
    body = Graph("step")
    step = body.input("step/index", INT64, [])
    more = body.input("step/more", 9, [])
    before = body.input("step/rows", FLOAT, ["batch", weights.width])
    hidden = _first(body, weights, before, body.add("Gather", bias, step, axis=0))
    last_weight, last_bias = weights.further[-1]
    predicted = body.linear(_middle(body, weights, hidden), last_weight, last_bias)
    pulled = body.add("Mul", predicted, body.add("Gather", c0, step, axis=0))
    kept = body.add("Mul", before, body.add("Gather", ct, step, axis=0))
    body.output("step/more_out", more, 9, [])
    body.output("step/rows_out", body.add("Add", pulled, kept), FLOAT, ["batch", weights.width])
    trips = graph.constant(weights.steps, np.int64)
    return graph.add("Loop", trips, "", rows, body=body.proto())


def _first(graph: Graph, weights: DenoiserWeights, rows: str, bias: str) -> str:
    if weights.normalise_input:
        norm = graph.add("ReduceL2", rows, graph.constant([-1], np.int64), keepdims=1)
        rows = graph.add("Div", rows, graph.add("Max", norm, graph.constant([NORM_FLOOR])))
    return _activated(graph, weights, graph.add("Gemm", rows, graph.constant(weights.first.T), bias))


def _middle(graph: Graph, weights: DenoiserWeights, hidden: str) -> str:
    for weight, bias in weights.further[:-1]:
        hidden = _activated(graph, weights, graph.linear(hidden, weight, bias))
    return hidden


def _activated(graph: Graph, weights: DenoiserWeights, rows: str) -> str:
    return graph.add("Tanh", rows) if weights.activation == "tanh" else graph.silu(rows)
