"""The pair scorer: a fake score from two rows of one per-user table, so that any runtime can compute it.

    x = clip((terms(row_src, row_dst) - mean) / scale, +-clip)
    z = layers(x) + offset                              SiLU between the layers, C = 1 + K outputs
    s = -log(exp(z[0] - logsumexp(z[1:])) + r)          r real edges that look like fakes beside every one that does
    fake_score = sigmoid(a s + b)
    kinds = fake_score * softmax(z[1:])

Letters: U users, F table columns, N pair features, B pairs, C classes (0 = real), K = C - 1 kinds of fake.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from recdiff.arrays import Float32, Float64, Int64
from recdiff.errors import UsageError

Table = NDArray[np.float16] | Float32
Span = tuple[int, int]
Layer = tuple[Float32, Float32]
Operation = Literal["product", "dot", "split", "sum", "gap", "low", "src", "dst"]

OPERATIONS: tuple[Operation, ...] = get_args(Operation)
ELEMENTWISE: Mapping[Operation, Callable[[Float32, Float32], Float32]] = {
    "product": np.multiply,
    "sum": np.add,
    "gap": lambda src, dst: np.abs(src - dst),
    "low": np.minimum,
    "src": lambda src, dst: src,
    "dst": lambda src, dst: dst,
}
"""Operations that yield as many features as they read columns."""
BLOCK = 1 << 13
"""Pairs whose rows are gathered at once: few enough for them to stay in the cache."""
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
        alike: r, which keeps every score below 1 / (1 + r).
    """

    terms: tuple[PairTerm, ...]
    mean: Float32
    scale: Float32
    clip: float
    layers: tuple[Layer, ...]
    offset: Float32
    calibration: tuple[float, float] = (1.0, 0.0)
    alike: float = 0.0

    def score(self, table: Table, pairs: Int64) -> tuple[Float32, Float32]:
        """Return fake_score (B,) and kinds (B, K) of pairs (B, 2) of table positions."""
        fake, kinds = np.empty(len(pairs), np.float32), np.empty((len(pairs), len(self.offset) - 1), np.float32)
        for start in range(0, len(pairs), BLOCK):
            block = slice(start, start + BLOCK)
            fake[block], kinds[block] = self.posterior(pair_features(table, pairs[block], self.terms))
        return fake, kinds

    def posterior(self, features: Float32) -> tuple[Float32, Float32]:
        """Return fake_score (B,) and kinds (B, K) of features (B, N)."""
        return posterior(self.logits(features), self.calibration, self.alike)

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


def log_odds(z: Float32, alike: float = 0.0) -> Float64:
    """Return s (B,) of class logits z (B, C); see the module's formula."""
    wide = z.astype(np.float64)
    return within(np.logaddexp.reduce(wide[:, 1:], axis=1) - wide[:, 0], alike)


def within(odds: Float64, alike: float) -> Float64:
    """Return the log odds s (B,) where ``alike`` real edges look like each fake, of those ``odds`` where none do."""
    if not alike:
        return odds
    found: Float64 = -np.logaddexp(-odds, np.log(alike))
    return found


def posterior(z: Float32, calibration: tuple[float, float] = (1.0, 0.0), alike: float = 0.0) -> tuple[Float32, Float32]:
    """Return fake_score (B,) and kinds (B, K) of class logits z (B, C)."""
    fake = chance_of(log_odds(z, alike), calibration)
    mass = np.exp(z[:, 1:] - z[:, 1:].max(axis=1, keepdims=True))
    return fake, (fake[:, None] * mass / mass.sum(axis=1, keepdims=True)).astype(np.float32)


def chance_of(odds: Float64, calibration: tuple[float, float]) -> Float32:
    """Return fake_score (B,) of log odds (B,)."""
    slope, intercept = calibration
    fake = 1.0 / (1.0 + np.exp(-np.clip(slope * odds + intercept, -SATURATED, SATURATED)))
    return np.asarray(fake, np.float32)


def pair_features(table: Table, pairs: Int64, terms: tuple[PairTerm, ...]) -> Float32:
    """Return the terms of pairs (B, 2) of rows of ``table`` (U, F), (B, N)."""
    src, dst = (table.take(pairs[:, side], axis=0).astype(np.float32) for side in (0, 1))
    plan = plan_of(terms, table.shape[1])
    features = np.empty((len(pairs), plan.features), np.float32)
    if plan.summed.size:
        # One elementwise product and one matrix for all sums of it.
        features[:, plan.summed] = (src * dst) @ plan.sums
    for place, left, right in plan.dots:
        features[:, place] = np.sum(src[:, left] * dst[:, right], axis=1)
    for operation, places, left_columns, right_columns in plan.elementwise:
        features[:, places] = ELEMENTWISE[operation](src[:, left_columns], dst[:, right_columns])
    if plan.multiplied.size:
        features[:, plan.multiplied] *= src[:, plan.by_src] * dst[:, plan.by_dst]
    return features


@dataclass(frozen=True, eq=False)
class Plan:
    """The terms sorted by how they are computed: few operations on many columns, since each is a call.

    Attributes:
        features: N.
        summed: places of the terms that sum products of a column with itself; sums: (F, of them).
        dots: place and columns of the dots of different columns.
        elementwise: operation, places and columns of the others.
        multiplied: places of the terms that are multiplied by columns ``by_src`` and ``by_dst``.
    """

    features: int
    summed: Int64
    sums: Float32
    dots: tuple[tuple[int, slice, slice], ...]
    elementwise: tuple[tuple[Operation, Int64, Int64, Int64], ...]
    multiplied: Int64
    by_src: Int64
    by_dst: Int64


@lru_cache(maxsize=8)
def plan_of(terms: tuple[PairTerm, ...], width: int) -> Plan:
    """Return the plan of ``terms`` over tables ``width`` columns wide."""
    for unknown in {term.operation for term in terms}.difference(OPERATIONS):
        raise UsageError(f"no pair operation {unknown!r}: known are {', '.join(OPERATIONS)}")
    starts = np.cumsum([0, *(term.width for term in terms)])
    placed = list(zip(starts.tolist(), terms, strict=False))
    summed = [(place, term) for place, term in placed if _sums_one_product(term)]
    sums = np.zeros((width, len(summed)), np.float32)
    for column, (_, term) in enumerate(summed):
        sums[slice(*term.left), column] = 1.0
        if term.operation == "split":
            sums[slice(*term.right), column] = -1.0
    dots = [
        (place, slice(*term.left), slice(*term.right))
        for place, term in placed
        if term.operation == "dot" and term.left != term.right
    ]
    elementwise = []
    for operation in ELEMENTWISE:
        group = [(place, term) for place, term in placed if term.operation == operation]
        if group:
            places = _columns([(place, place + term.width) for place, term in group])
            left, right = (_columns([getattr(term, side) for _, term in group]) for side in ("left", "right"))
            elementwise.append((operation, places, left, right))
    factors = [(place, *term.by) for place, term in placed if term.by is not None]
    multiplied, by_src, by_dst = np.array(factors, np.int64).reshape(-1, 3).T
    sum_places = np.array([place for place, _ in summed], np.int64)
    return Plan(
        features=int(starts[-1]),
        summed=sum_places,
        sums=sums,
        dots=tuple(dots),
        elementwise=tuple(elementwise),
        multiplied=multiplied,
        by_src=by_src,
        by_dst=by_dst,
    )


def _columns(spans: Sequence[Span]) -> Int64:
    return np.concatenate([np.arange(*span) for span in spans])


def _sums_one_product(term: PairTerm) -> bool:
    """Tell whether the term sums products of a column with itself."""
    return term.operation == "split" or (term.operation == "dot" and term.left == term.right)
