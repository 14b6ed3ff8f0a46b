"""The pair scorer: a fake score from two rows of one per-user table, so that any runtime can compute it.

    x = clip((terms(row_src, row_dst) - mean) / scale, +-clip)
    z = layers(x) + offset                              SiLU between the layers, C = 1 + K outputs
    fake_score = sigmoid(a (logsumexp(z[1:]) - z[0]) + b)
    kinds = fake_score * softmax(z[1:])

Letters: U users, F table columns, N pair features, B pairs, C classes (0 = real), K = C - 1 kinds of fake.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from recdiff.errors import UsageError

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]
Table = NDArray[np.float16] | Float32
Span = tuple[int, int]
Layer = tuple[Float32, Float32]
Operation = Literal["product", "dot", "split", "sum", "gap", "low", "src", "dst"]

OPERATIONS: tuple[Operation, ...] = get_args(Operation)
SYMMETRIC: frozenset[str] = frozenset({"product", "dot", "split", "sum", "gap", "low"})
BLOCK = 1 << 16
"""Pairs whose rows are gathered at once."""
SATURATED = 60.0
"""Log odds beyond which a score is 0 or 1 to the last bit."""


@dataclass(frozen=True)
class PairTerm:
    """One group of pair features: ``operation`` on columns ``left`` of the src row and ``right`` of the dst row.

    product a*b | dot sum(a*b) | split a_left.b_left - a_right.b_right | sum a+b | gap |a-b| | low min(a, b) |
    src a | dst b

    Attributes:
        by: for a dot, the column of the src row and the column of the dst row that it is multiplied by, or None.
    """

    operation: Operation
    left: Span
    right: Span
    by: tuple[int, int] | None = None

    @property
    def width(self) -> int:
        """How many features the term yields."""
        return 1 if self.operation in ("dot", "split") else self.left[1] - self.left[0]

    def plain(self) -> list[Any]:
        """Return the term as JSON can hold it."""
        return [self.operation, list(self.left), list(self.right), None if self.by is None else list(self.by)]

    @classmethod
    def read(cls, plain: Sequence[Any]) -> PairTerm:
        """Return the term that ``plain`` holds."""
        operation, left, right, by = plain
        return cls(operation, tuple(left), tuple(right), None if by is None else tuple(by))


@dataclass(frozen=True, eq=False)
class PairScorer:
    """What turns two table rows into a fake score; see the module's formula.

    Attributes:
        terms: the pair features, N in all.
        mean, scale: (N,).
        clip: in standard deviations.
        layers: (W (out, in), b (out,)).
        offset: (C,) log prior correction.
        calibration: (a, b).
    """

    terms: tuple[PairTerm, ...]
    mean: Float32
    scale: Float32
    clip: float
    layers: tuple[Layer, ...]
    offset: Float32
    calibration: tuple[float, float] = (1.0, 0.0)

    def score(self, table: Table, pairs: Int64) -> tuple[Float32, Float32]:
        """Return fake_score (B,) and kinds (B, K) of pairs (B, 2) of table positions."""
        fake, kinds = np.empty(len(pairs), np.float32), np.empty((len(pairs), len(self.offset) - 1), np.float32)
        for start in range(0, len(pairs), BLOCK):
            block = slice(start, start + BLOCK)
            fake[block], kinds[block] = self.posterior(pair_features(table, pairs[block], self.terms))
        return fake, kinds

    def posterior(self, features: Float32) -> tuple[Float32, Float32]:
        """Return fake_score (B,) and kinds (B, K) of features (B, N)."""
        return posterior(self.logits(features), self.calibration)

    def logits(self, features: Float32) -> Float32:
        """Return z, (B, C), of features (B, N)."""
        inputs = np.clip((features - self.mean) / self.scale, -self.clip, self.clip)
        return forward(self.layers, inputs) + self.offset


def forward(layers: tuple[Layer, ...], inputs: Float32) -> Float32:
    """Return the outputs (B, C) of ``layers`` with SiLU between them."""
    hidden = inputs
    for weight, bias in layers[:-1]:
        hidden = hidden @ weight.T + bias
        hidden = np.asarray(hidden / (1.0 + np.exp(-np.maximum(hidden, -80.0))), np.float32)
    weight, bias = layers[-1]
    return np.asarray(hidden @ weight.T + bias, np.float32)


def log_odds(z: Float32) -> Float64:
    """Return logsumexp(z[1:]) - z[0], (B,), of class logits z (B, C)."""
    wide = z.astype(np.float64)
    odds: Float64 = np.logaddexp.reduce(wide[:, 1:], axis=1) - wide[:, 0]
    return odds


def posterior(z: Float32, calibration: tuple[float, float] = (1.0, 0.0)) -> tuple[Float32, Float32]:
    """Return fake_score (B,) and kinds (B, K) of class logits z (B, C)."""
    slope, intercept = calibration
    fake = 1.0 / (1.0 + np.exp(-np.clip(slope * log_odds(z) + intercept, -SATURATED, SATURATED)))
    mass = np.exp(z[:, 1:] - z[:, 1:].max(axis=1, keepdims=True))
    return fake.astype(np.float32), (fake[:, None] * mass / mass.sum(axis=1, keepdims=True)).astype(np.float32)


def pair_features(table: Table, pairs: Int64, terms: tuple[PairTerm, ...]) -> Float32:
    """Return the terms of pairs (B, 2) of rows of ``table`` (U, F), (B, N)."""
    src, dst = (table[pairs[:, side]].astype(np.float32) for side in (0, 1))
    features = np.empty((len(pairs), sum(term.width for term in terms)), np.float32)
    starts = np.cumsum([0, *(term.width for term in terms)])
    summed = [place for place, term in enumerate(terms) if _reads_one_product(term)]
    if summed:
        # One elementwise product and one matrix for all sums of it.
        features[:, starts[summed]] = (src * dst) @ _sums(tuple(terms[place] for place in summed), table.shape[1])
    for start, term in zip(starts, terms, strict=False):
        if not _reads_one_product(term):
            features[:, start : start + term.width] = _term_values(src, dst, term)
        if term.by is not None:
            features[:, start] *= src[:, term.by[0]] * dst[:, term.by[1]]
    return features


def _reads_one_product(term: PairTerm) -> bool:
    """Tell whether the term sums products of a column with itself."""
    return term.operation == "split" or (term.operation == "dot" and term.left == term.right)


@lru_cache(maxsize=8)
def _sums(terms: tuple[PairTerm, ...], width: int) -> Float32:
    """Return the matrix (F, len(terms)) that sums a row's elementwise products into the terms."""
    sums = np.zeros((width, len(terms)), np.float32)
    for place, term in enumerate(terms):
        sums[slice(*term.left), place] = 1.0
        if term.operation == "split":
            sums[slice(*term.right), place] = -1.0
    return sums


def _term_values(src: Float32, dst: Float32, term: PairTerm) -> Float32:
    """Return one term that does not read the shared product, of gathered rows (B, F), (B, term.width)."""
    left, right = slice(*term.left), slice(*term.right)
    values: Any
    match term.operation:
        case "product":
            values = src[:, left] * dst[:, right]
        case "dot":
            values = np.sum(src[:, left] * dst[:, right], axis=1, keepdims=True)
        case "sum":
            values = src[:, left] + dst[:, right]
        case "gap":
            values = np.abs(src[:, left] - dst[:, right])
        case "low":
            values = np.minimum(src[:, left], dst[:, right])
        case "src":
            values = src[:, left]
        case "dst":
            values = dst[:, right]
        case _:
            raise UsageError(f"no pair operation {term.operation!r}: known are {', '.join(OPERATIONS)}")
    return np.asarray(values, np.float32)
