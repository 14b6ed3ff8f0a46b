"""The exported formulas once more, slow and readable, in float64: what parity is measured against."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from recdiff.arrays import Float64, Int64
from recdiff.blend.names import OURS, POPULARITY
from recdiff.scorer.pair_scorer import Layer, PairTerm
from recdiff_export.bundle.graphs.denoiser import NORM_FLOOR
from recdiff_export.bundle.parts import BlendWeights, DenoiserWeights, RecommenderWeights, ScorerWeights

Rows = NDArray[np.floating]


def denoise(weights: DenoiserWeights, rows: Rows) -> Float64:
    """Return (B, D): x_{t-1} = c0[t] f(x_t, t) + ct[t] x_t for t = T-1 .. 0."""
    x = rows.astype(np.float64)
    for t in reversed(range(weights.steps)):
        x = weights.c0[t] * _predict(weights, x, t) + weights.ct[t] * x
    return x


def score_pairs(weights: ScorerWeights, src_rows: Rows, dst_rows: Rows) -> tuple[Float64, Float64]:
    """Return fake_score (B,) and kinds (B, K) of pairs of table rows (B, F)."""
    a, b = src_rows.astype(np.float64), dst_rows.astype(np.float64)
    features = np.concatenate([_term(term, a, b) for term in weights.terms], axis=1)
    hidden = np.clip((features - weights.mean) / weights.scale, -weights.clip, weights.clip)
    for layer in weights.layers[:-1]:
        hidden = _silu(_linear(layer, hidden))
    logits = _linear(weights.layers[-1], hidden) + weights.offset
    top = logits[:, 1:].max(axis=1, keepdims=True)
    parts = np.exp(logits[:, 1:] - top)
    total = parts.sum(axis=1, keepdims=True)
    odds = np.log(total) + top - logits[:, :1]
    odds = -np.log(np.exp(-odds) + weights.alike)
    slope, intercept = weights.calibration
    fake = _sigmoid(slope * odds + intercept)
    return fake[:, 0], fake * parts / total


def item_scores(weights: RecommenderWeights, users: Int64) -> Float64:
    """Return (B, I): user_table[user] . item_table[item], blended or not, -inf where the user has seen the item."""
    scores: Float64 = weights.user_table[users].astype(np.float64) @ weights.item_table.T.astype(np.float64)
    if weights.blend is not None:
        scores = _blended(weights.blend, scores, users)
    for row, user in enumerate(users):
        scores[row, weights.seen_items[weights.seen_indptr[user] : weights.seen_indptr[user + 1]]] = -np.inf
    return scores


def _blended(weights: BlendWeights, own: Float64, users: Int64) -> Float64:
    """Return (B, I): the weighed sum of members' scores less their mean over their standard deviation."""
    raw = {OURS: own, **{name: np.zeros_like(own) for name in weights.tables}}
    if weights.popularity is not None:
        raw[POPULARITY] = np.repeat(weights.popularity.astype(np.float64)[None], len(own), axis=0)
    for row, user in enumerate(users):
        history = weights.history_items[weights.history_indptr[user] : weights.history_indptr[user + 1]]
        for name, (follows, added) in weights.tables.items():
            np.add.at(raw[name][row], follows[history].ravel(), added[history].ravel().astype(np.float64))
    scaled = {name: _standardised(scores) for name, scores in raw.items()}
    total = np.zeros_like(own)
    for name, weight in weights.weights.items():
        total += weight * np.where(np.ptp(raw[name], axis=1, keepdims=True) > 0, scaled[name], scaled[OURS])
    return total


def _standardised(scores: Float64) -> Float64:
    gap = scores - scores.mean(axis=1, keepdims=True)
    spread = np.where(np.ptp(scores, axis=1, keepdims=True) > 0, scores.std(axis=1, keepdims=True), np.inf)
    found: Float64 = gap / spread
    return found


def _predict(weights: DenoiserWeights, x: Float64, t: int) -> Float64:
    if weights.normalise_input:
        x = x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), NORM_FLOOR)
    activate = np.tanh if weights.activation == "tanh" else _silu
    hidden = activate(x @ weights.first.T.astype(np.float64) + weights.step_bias[t])
    for layer in weights.further[:-1]:
        hidden = activate(_linear(layer, hidden))
    return _linear(weights.further[-1], hidden)


def _term(term: PairTerm, a: Float64, b: Float64) -> Float64:
    features: Float64 = _feature(term, a, b)
    return features


def _feature(term: PairTerm, a: Float64, b: Float64) -> Any:
    left, right = slice(*term.left), slice(*term.right)
    match term.operation:
        case "product":
            return a[:, left] * b[:, right]
        case "dot":
            product = (a[:, left] * b[:, right]).sum(axis=1, keepdims=True)
            return product if term.by is None else product * a[:, [term.by[0]]] * b[:, [term.by[1]]]
        case "split":
            halves = (a[:, left] * b[:, left]).sum(axis=1), (a[:, right] * b[:, right]).sum(axis=1)
            return (halves[0] - halves[1])[:, None]
        case "sum":
            return a[:, left] + b[:, right]
        case "gap":
            return np.abs(a[:, left] - b[:, right])
        case "low":
            return np.minimum(a[:, left], b[:, right])
        case "src":
            return a[:, left]
        case _:
            return b[:, right]


def _linear(layer: Layer, rows: Float64) -> Float64:
    weight, bias = layer
    product: Float64 = rows @ weight.T.astype(np.float64) + bias
    return product


def _silu(x: Float64) -> Float64:
    product: Float64 = x * _sigmoid(x)
    return product


def _sigmoid(x: Float64) -> Float64:
    half: Float64 = 0.5 * (1.0 + np.tanh(0.5 * x))
    return half
